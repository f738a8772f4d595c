/**
 * One round: jobs begin, something breaks and is made good again, everything comes to an end, and is held against the
 * invariants. A person is played as well: one who asks hosts whose outcome nobody knows, and lets go of those that went wrong,
 * but only where nothing moves by itself any more.
 */
import { delay, systemClock } from '@pogo/lifecycle';
import { jobHostListSchema } from '@pogo/protocol';
import type { SeededRandom } from '@pogo/testkit';
import { footprintOf } from '../support/footprint.js';
import { formsInProcesses, type Needle } from '../support/needles.js';
import { follow, type RunningCommand } from '../support/running-command.js';
import type { Arena } from './arena.js';
import type { Fault } from './faults.js';
import type { HostRecord } from './host-record.js';
import { type ChaosJob, commandLine, drawJobs, scriptOf } from './jobs.js';
import type { Judge } from './judge.js';
import type { LoggedBatches } from './logged-batches.js';
import type { OpenQuestions } from './open-questions.js';
import { checkOutput, gapsIn } from './output-check.js';
import { addressOf, type Site } from './site.js';

export interface RoundOptions {
  readonly round: number;
  readonly arena: Arena;
  readonly site: Site;
  readonly fault: Fault;
  readonly random: SeededRandom;
  readonly record: HostRecord;
  readonly log: LoggedBatches;
  readonly questions: OpenQuestions;
  readonly judge: Judge;
  /** What must be in no process's arguments or environment. */
  readonly needles: readonly Needle[];
}

export interface RoundResult {
  readonly what: string;
  /** How long the fault lasted, and the whole round, in milliseconds. */
  readonly faultMs: number;
  readonly tookMs: number;
  /** Hosts of all jobs by the state in which they ended first. */
  readonly counts: ReadonlyMap<string, number>;
  /** Commands that began. */
  readonly commands: number;
  /** From the end of the fault until all jobs had ended, in milliseconds. */
  readonly settledMs: number;
  /** Pieces of output that `pogo run` said it could not show. */
  readonly gaps: number;
}

/** Nothing in the log for so long: a person looks whether somebody waits for a word. */
const quietMs = 5000;
/** Nothing for so long: everything works again, and who could begin and doesn't never will. */
const idleMs = 20_000;
/** From the end of the fault to the end of the last job, with what a person has to do in between. */
const settleWithinMs = 120_000;
/** Until the last process of a command is gone. */
const goneWithinMs = 40_000;
const pollMs = 150;

interface Submission {
  readonly job: ChaosJob;
  readonly command: RunningCommand;
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { round, arena, site, fault, random, record, log, judge, needles } = options;
  const began = systemClock.monotonicMs();
  record.refresh();
  const batchesBefore = log.read().length;
  const commandsBefore = record.commands.length;
  const submissions = drawJobs(random, site, round).map((job): Submission => {
    judge.expect(job);
    const args = [...commandLine(job), ...arena.login, '--', 'sh', '-c', scriptOf(job)];
    return { job, command: follow(arena.fleet.spawn(args)) };
  });
  await until(() => record.commands.length > commandsBefore, 20_000);
  await delay(systemClock, random.between(0, 1500));

  const [least, most] = fault.lastsMs;
  const lastsMs = random.between(least, most);
  const struckAt = systemClock.monotonicMs();
  const { what, heal } = await fault.strike(arena, random);
  await delay(systemClock, lastsMs);
  checkProcesses(options, needles);
  await heal();
  const healedAt = systemClock.monotonicMs();

  await settle(options, submissions);
  const settledAt = systemClock.monotonicMs();
  const firstEnds = statesFrom(log.read().slice(batchesBefore));
  await order(options, submissions);
  await releaseAll(options);
  await checkNothingLeft(options);
  record.look();
  judge.take(log.read(), record.events);
  judge.checkEnd();
  for (const { job, command } of submissions) {
    const { exitCode } = await command.ended;
    const told = { exitCode, stdout: command.stdout(), stderr: command.stderr() };
    for (const wrong of checkOutput(job, told, judge.statesOf(job.key)))
      judge.violations.push({ ...wrong, atMs: systemClock.wallMs() });
  }
  return {
    what,
    faultMs: healedAt - struckAt,
    tookMs: systemClock.monotonicMs() - began,
    counts: firstEnds,
    commands: record.commands.length - commandsBefore,
    settledMs: settledAt - healedAt,
    gaps: submissions.reduce((count, { command }) => count + gapsIn(command.stderr()).length, 0),
  };
}

/** (I6) Until every `pogo run` has come to its end. */
async function settle(options: RoundOptions, submissions: readonly Submission[]): Promise<void> {
  const { log, questions, judge } = options;
  let left = submissions.length;
  for (const { command } of submissions) void command.ended.then(() => left--);
  const untilMs = systemClock.monotonicMs() + settleWithinMs;
  let length = 0;
  let answered = 0;
  let changedAt = systemClock.monotonicMs();
  for (;;) {
    const batches = log.read();
    questions.take(batches);
    if (left === 0 && questions.open.length === 0) return;
    const nowMs = systemClock.monotonicMs();
    if (batches.length !== length) changedAt = nowMs;
    length = batches.length;
    if (nowMs > untilMs) {
      const open = questions.open.join(', ');
      judge.violations.push({
        rule: 'I6',
        what: `${settleWithinMs / 1000} s after the fault ${left} of the runs follow yet; open jobs: ${open || 'none'}`,
        atMs: systemClock.wallMs(),
      });
      for (const { command } of submissions) command.child.kill('SIGKILL');
      return;
    }
    const isOpen = questions.open.length > 0;
    if (isOpen && nowMs - changedAt > quietMs && answered !== length) {
      await answer(options);
      answered = length;
    }
    if (isOpen && nowMs - changedAt > idleMs) {
      await order(options, submissions);
      options.record.look();
      judge.take(log.read(), options.record.events);
      judge.checkIdle();
      changedAt = nowMs;
    }
    await delay(systemClock, pollMs);
  }
}

/** Says to the judge in which order the log has the hosts of each job. */
async function order({ arena, judge, log }: RoundOptions, submissions: readonly Submission[]): Promise<void> {
  const keys = new Set(submissions.map(({ job }) => job.key));
  for (const { entries } of log.read()) {
    for (const { type, job, idempotencyKey } of entries) {
      if (type !== 'job-accepted' || job === undefined || !keys.has(idempotencyKey ?? '')) continue;
      judge.ordered(idempotencyKey!, (await hostsOf(arena, job)).map(numberOf));
    }
  }
}

/** What a person does when nothing moves: asks once more, gives what is wanted, and lets go of what went wrong. */
async function answer(options: RoundOptions): Promise<void> {
  const { arena, questions } = options;
  for (const job of questions.needy)
    await arena.fleet.run(['resume', idOf(job), ...arena.credentials, '--detach']);
  await releaseAll(options);
}

/** Asks hosts whose outcome nobody knows, and then says of all that went wrong that they are well. */
async function releaseAll({ arena, log, questions, judge, record }: RoundOptions): Promise<void> {
  questions.take(log.read());
  for (const [job] of questions.unwell('unknown'))
    await arena.fleet.run(['resolve', idOf(job), ...arena.credentials, '--detach']);
  const isAnswered = () => {
    questions.take(log.read());
    return !questions.isAsking;
  };
  if (!(await until(isAnswered, settleWithinMs)))
    judge.violations.push({ rule: 'I6', what: 'hosts are asked without end', atMs: systemClock.wallMs() });
  // A person who says that a host is well has seen that nothing runs there.
  await until(() => record.commands.every(({ endedAtMs }) => endedAtMs !== undefined), goneWithinMs);
  for (const [job, hosts] of questions.unwell()) {
    const all = await hostsOf(arena, job);
    const names = hosts.map((index) => all[index]!);
    const released = await arena.fleet.run(['release', idOf(job), names.join(',')]);
    questions.letGo(job);
    // Of a job that limits don't hold back, nothing is held that could be let go.
    if (released.exitCode !== 0 && !released.stderr.includes('nothing-to-do'))
      judge.violations.push({
        rule: 'I6',
        what: `pogo release ${idOf(job)} failed: ${released.stderr}`,
        atMs: systemClock.wallMs(),
      });
  }
  questions.take(log.read());
}

/** Names of a job's hosts, in the order of their indices. */
async function hostsOf({ fleet }: Arena, job: number): Promise<string[]> {
  const shown = await fleet.run(['status', idOf(job), '--hosts', '--json']);
  if (shown.exitCode !== 0) throw new Error(`pogo status ${idOf(job)} failed: ${shown.stderr}`);
  return jobHostListSchema.parse(JSON.parse(shown.stdout)).hosts.map(({ host }) => host);
}

/** (I8) */
function checkProcesses({ judge }: RoundOptions, needles: readonly Needle[]): void {
  for (const found of formsInProcesses(needles))
    judge.violations.push({ rule: 'I8', what: `the private key is in ${found}`, atMs: systemClock.wallMs() });
}

/** (I9) */
async function checkNothingLeft({ arena, judge }: RoundOptions): Promise<void> {
  const { account, recordFile } = arena;
  const left = () =>
    footprintOf(account).filter((line) => !line.startsWith(`file ${recordFile} `) && !line.includes('/.ssh'));
  if (await until(() => left().length === 0, goneWithinMs)) return;
  for (const line of left())
    judge.violations.push({ rule: 'I9', what: `left on a host: ${line}`, atMs: systemClock.wallMs() });
}

/** How many hosts ended in which state, the first time. */
function statesFrom(batches: ReturnType<LoggedBatches['read']>): Map<string, number> {
  const first = new Map<string, string>();
  for (const { entries } of batches) {
    for (const { type, job, host, outcome } of entries) {
      const place = `${job}/${host}`;
      if (type === 'host-finished' && outcome !== undefined && !first.has(place))
        first.set(place, outcome.state);
    }
  }
  const counts = new Map<string, number>();
  for (const state of first.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** False when it doesn't hold in time. */
async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  const untilMs = systemClock.monotonicMs() + withinMs;
  while (!holds()) {
    if (systemClock.monotonicMs() > untilMs) return false;
    await delay(systemClock, pollMs);
  }
  return true;
}

function idOf(job: number): string {
  return `p${String(job).padStart(10, '0')}`;
}

function numberOf(address: string): number {
  const [, , third, fourth] = address.split('.').map(Number) as [number, number, number, number];
  const host = third * 200 + fourth;
  if (addressOf(host) !== address) throw new Error(`not a host of the fleet: ${address}`);
  return host;
}
