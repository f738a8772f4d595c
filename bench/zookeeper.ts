/**
 * `npm run bench:zookeeper`: a job of 10,000 scripted hosts on three ZooKeeper servers, and the same over the memory driver
 * beside it: what the log's appends cost, and what ZooKeeper keeps in memory, during the jobs, after them, and once they are
 * no longer kept.
 *
 * The dispatcher is the production one without its sockets (planner-dispatcher.ts); servers and dispatcher share the machine.
 *
 * Options: --hosts 10000  --at-once 2001  --jobs 4  --kept 20000  --write FILE
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startZooKeeper, type ZooKeeperEnsemble } from '@pogo/testkit';
import type { DataSize, JobFigures, Phase, ZooKeeperTask } from './zookeeper-figures.js';
import { zooKeeperReport, type ZooKeeperRow } from './zookeeper-report.js';
import { EnsembleSizes } from './zookeeper-sizes.js';

const { values } = parseArgs({
  options: {
    measure: { type: 'string' },
    hosts: { type: 'string', default: '10000' },
    'at-once': { type: 'string', default: '2001' },
    jobs: { type: 'string', default: '4' },
    kept: { type: 'string', default: '20000' },
    write: { type: 'string' },
  },
});
const rows: ZooKeeperRow[] = [];
for (const commandMs of [0, 1000]) {
  const shape = {
    hosts: Number(values.hosts),
    atOnce: Number(values['at-once']),
    commandMs,
    jobs: Number(values.jobs),
    keptMs: Number(values.kept),
  };
  const memory = await measure({ ...shape, store: 'memory:' }, undefined);
  const ensemble = await startZooKeeper({ servers: 3 });
  try {
    rows.push({
      commandMs,
      memory,
      zookeeper: await measure({ ...shape, store: `zookeeper://${ensemble.addresses}/bench` }, ensemble),
    });
  } finally {
    await ensemble.stop();
  }
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const machine = `Commit ${commit}, ${cpus().length} cores (${cpus()[0]!.model}), Node ${process.version}, ZooKeeper's three servers on the same machine.`;
const report = zooKeeperReport(rows, {
  machine,
  hosts: Number(values.hosts),
  atOnce: Number(values['at-once']),
});
process.stdout.write(report);
if (values.write !== undefined) {
  const text = readFileSync(values.write, 'utf8');
  const [begin, end] = ['<!-- zookeeper:begin -->', '<!-- zookeeper:end -->'];
  if (!text.includes(begin) || !text.includes(end))
    throw new Error(`${values.write} has no ${begin} … ${end}`);
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  writeFileSync(values.write, `${head}\n\n${report}\n${text.slice(text.indexOf(end))}`);
}

/** One process with one dispatcher. */
async function measure(
  task: ZooKeeperTask,
  ensemble: ZooKeeperEnsemble | undefined,
): Promise<ZooKeeperRow['memory']> {
  const child = spawn(process.execPath, ['--enable-source-maps', values.measure!, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const sizes = new EnsembleSizes(ensemble);
  const jobs: JobFigures[] = [];
  const sizesAfterJobs: DataSize[] = [];
  let [before, expired]: (DataSize | undefined)[] = [];
  const sampling = sizes.sampleUntil(ended);
  for await (const line of createInterface({ input: child.stdout })) {
    const phase = JSON.parse(line) as Phase;
    const size = await sizes.now();
    if (phase.phase === 'ready') {
      before = size;
      sizes.peak = size;
    } else if (phase.phase === 'job') {
      jobs.push(phase.figures);
      if (size !== undefined) sizesAfterJobs.push(size);
      process.stderr.write(`${task.store.split(':')[0]}: ${JSON.stringify({ ...phase.figures, size })}\n`);
    } else {
      expired = size;
    }
    goOn(child);
  }
  const [exitCode] = await ended;
  await sampling;
  if (exitCode !== 0) throw new Error(`the measurement ended with ${exitCode}`);
  return { jobs, sizes: { before, peak: sizes.peak, afterJobs: sizesAfterJobs, expired } };
}

function goOn(child: ChildProcess): void {
  child.stdin!.write('\n');
}
