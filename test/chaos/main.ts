/**
 * `npm run chaos`: three ZooKeeper servers, three dispatchers, three workers and real hosts, each a machine of its own in a
 * network that can be cut; jobs run, and in each round one thing breaks and is made good again. After each round the
 * invariants of the design are checked (docs/CHAOS.md).
 *
 *   npm run chaos -- --rounds 50 --hosts 200 --seed 1
 *
 * The seed gives the order of faults, whom they befall and the jobs; how the machine's processes run meanwhile is not in its
 * hands. Ends with 1 when an invariant was violated, and says where the evidence lies.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SeededRandom } from '@pogo/testkit';
import { formsBelow, needlesOf } from '../support/needles.js';
import { openArena, type Arena } from './arena.js';
import { drawFaults } from './faults.js';
import { HostRecord } from './host-record.js';
import { Judge } from './judge.js';
import { LoggedBatches } from './logged-batches.js';
import { OpenQuestions } from './open-questions.js';
import { roundLine, summary, type ToldRound } from './report.js';
import { runRound } from './round.js';
import { planSite } from './site.js';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    rounds: { type: 'string', default: '50' },
    hosts: { type: 'string', default: '200' },
    seed: { type: 'string' },
    /** For whoever looks for a rare fault: only those whose name holds this text. */
    only: { type: 'string' },
    /** Goes on after a violation. */
    'keep-going': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const rounds = Number(values.rounds);
const site = planSite(Number(values.hosts));
const evidence = join(values.root!, 'build/chaos', String(seed));
rmSync(evidence, { recursive: true, force: true });
mkdirSync(evidence, { recursive: true });

console.log(`chaos: seed ${seed}, ${rounds} rounds, ${site.hosts} hosts`);
const arena = await openArena({ repository: values.root!, site });
const record = new HostRecord(arena.recordFile);
const log = new LoggedBatches(arena.zookeeper);
const judge = new Judge({
  site,
  workers: new Map(arena.places.workers.map(({ address }, at) => [address, `worker-${at + 1}`])),
});
const told: ToldRound[] = [];
try {
  // What stands in the middle of the key's file: nobody but the client may ever have it in clear.
  const secret = readFileSync(arena.key.privatePath, 'utf8').split('\n').slice(2, 4).join('\n');
  const needles = needlesOf(secret);
  const questions = new OpenQuestions();
  const faults = drawFaults(new SeededRandom(seed, 1), site.hosts);
  for (let round = 1; round <= rounds; round++) {
    let fault = faults.next().value;
    while (!fault.name.includes(values.only ?? '')) fault = faults.next().value;
    const random = new SeededRandom(seed, 1 + round);
    const violatedBefore = judge.violations.length;
    const result = await runRound({
      round,
      arena,
      site,
      fault,
      random,
      record,
      log,
      questions,
      judge,
      needles,
    });
    const violations = judge.violations.slice(violatedBefore);
    const one: ToldRound = { round, fault: fault.name, ...result, violations };
    told.push(one);
    console.log(roundLine(one));
    for (const { rule, what } of violations) console.log(`  ${rule}: ${what}`);
    if (violations.length > 0 && !values['keep-going']) break;
  }
  for (const { path, forms } of formsBelow(arena.fleet.directory, needles))
    judge.violations.push({
      rule: 'I8',
      what: `the private key is in ${path}: ${forms.join(', ')}`,
      atMs: 0,
    });
  for (const { dataDirectory } of arena.zookeeper.servers) {
    for (const { path, forms } of formsBelow(dataDirectory, needles))
      judge.violations.push({
        rule: 'I8',
        what: `the private key is in ${path}: ${forms.join(', ')}`,
        atMs: 0,
      });
  }
} catch (error) {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  judge.violations.push({ rule: 'chaos itself', what, atMs: 0 });
} finally {
  record.stop();
  keepEvidence(arena);
  for (const what of await arena.stop())
    judge.violations.push({ rule: 'I9', what: `still runs in its place: ${what}`, atMs: 0 });
}
console.log(summary({ seed, hosts: site.hosts, told, judge, root: values.root! }));
if (judge.violations.length > 0) {
  const inRounds = new Set(told.flatMap(({ violations }) => violations));
  for (const { rule, what } of judge.violations.filter((one) => !inRounds.has(one)))
    console.log(`violated: ${rule}: ${what}`);
  console.log(`logs of all parts, the log of the namespace and the hosts' record: ${evidence}`);
}
// Pipes of processes that were killed in their sleep may still be open.
process.exit(judge.violations.length > 0 || told.length < rounds ? 1 : 0);

function keepEvidence({ fleet, zookeeper, recordFile }: Arena): void {
  for (const part of [...fleet.dispatchers, ...fleet.workers])
    writeFileSync(join(evidence, `${part.name}.log`), part.log());
  for (const server of zookeeper.servers)
    writeFileSync(join(evidence, `zookeeper-${server.id}.log`), server.log());
  for (const { index, atMs, body } of log.read())
    appendFileSync(
      join(evidence, 'log.jsonl'),
      `{"index":${index},"takenAtMs":${atMs},"batch":${body.toString('utf8')}}\n`,
    );
  try {
    writeFileSync(join(evidence, 'record'), readFileSync(recordFile));
  } catch {
    // No command has begun.
  }
  writeFileSync(
    join(evidence, 'rounds.json'),
    JSON.stringify(
      told,
      (_, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value),
      1,
    ),
  );
}
