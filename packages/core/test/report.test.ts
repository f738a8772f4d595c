/** The report: recounted from the log by code of its own, so that it would find what the planner did wrong. */
import {
  countsBefore,
  decideRelease,
  decideRetry,
  JobReporter,
  type JobReport,
  type LogEntry,
  type NamespaceDefinition,
  type Outcome,
  snapshotState,
} from '@pogo/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leader, limits, workerA } from './job-fixture.js';

const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };
const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };
const unreachable: Outcome = { state: 'unreachable', reason: 'connection-refused' };

const fleet = (frontends: number): Partial<NamespaceDefinition> => ({
  apps: { frontend: ['foo[1-8].{east,west}'], backend: ['bar[1-2].{east,west}'] },
  envs: { coast: { east: ['*.east'], west: ['*.west'] } },
  constraints: {
    coast: {
      concurrency: {
        frontend: { kind: 'percent', percent: frontends },
        backend: { kind: 'count', count: 1 },
      },
      sequence: [['backend', 'frontend']],
    },
  },
});

let leader: Leader;
beforeEach(() => {
  leader = new Leader();
  leader.constrain(fleet(25));
});

const live = (job: number) => leader.hostsIn(job, 'permitted', 'assigned', 'connecting', 'running');
const step = () => leader.plan({ workers: [{ ...workerA, capacity: 1000 }] });

function runToEnd(job: number, outcome: Outcome = succeeded): void {
  for (step(); live(job).length > 0; step()) {
    leader.append([], leader.state.atMs + 1000);
    leader.finish(job, live(job).slice(0, 1), outcome);
  }
}

function reportOf(
  job: number,
  history: readonly Parameters<JobReporter['apply']>[0][] = leader.history,
): JobReport {
  const reporter = new JobReporter(job, leader.documents);
  for (const batch of history) reporter.apply(batch);
  return reporter.report()!;
}

/** The history with one more batch in it, behind the one at `index`: what a planner that errs would have written. */
function withBatch(index: number, entries: readonly LogEntry[]) {
  const { atMs } = leader.history[index]!;
  return [
    ...leader.history.slice(0, index + 1),
    { index, atMs, entries },
    ...leader.history.slice(index + 1),
  ];
}

const firstIndex = (type: LogEntry['type'], job: number) =>
  leader.history.findIndex(({ entries }) =>
    entries.some((entry) => entry.type === type && 'job' in entry && entry.job === job),
  );

describe('a report', () => {
  it('says of each slot how many counted at once at most, over all jobs, when, and who', () => {
    const one = leader.submit('foo[1-4].east');
    const other = leader.submit('foo[5-8].east,foo1.west');
    step();
    leader.append([], 5000);
    runToEnd(one);
    runToEnd(other);
    const { slots, counts, attempts, periods } = reportOf(one);
    expect(slots).toMatchObject([
      { slot: 'frontend@coast=east', version: 1, members: 8, limit: 2, written: '25%', peak: 2, violated: 0 },
    ]);
    expect(slots[0]!.at).toEqual({ index: firstIndex('hosts-permitted', one), atMs: 0 });
    expect(slots[0]!.hosts).toHaveLength(2);
    expect(counts).toEqual({ succeeded: 4 });
    expect(attempts).toEqual({ total: 4, retriedHosts: 0, most: 1, failed: 0 });
    expect(periods).toMatchObject([{ from: { atMs: 0 }, state: 'succeeded' }]);
    expect(reportOf(other).slots.map(({ slot, peak }) => [slot, peak])).toEqual([
      ['frontend@coast=east', 2],
      ['frontend@coast=west', 1],
    ]);
  });

  it('counts hosts of other jobs that failed before this one began', () => {
    const first = leader.submit('foo[1-4].east');
    runToEnd(first, failed);
    const next = leader.submit('foo[5-6].east');
    step();
    expect(live(next)).toEqual([]);
    expect(reportOf(next).slots).toMatchObject([
      { slot: 'frontend@coast=east', peak: 2, hosts: ['foo1.east', 'foo2.east'], violated: 0 },
    ]);
  });

  it('finds a host that was permitted although there was no room', () => {
    const job = leader.submit('foo[1-8].east');
    step();
    const at = firstIndex('hosts-permitted', job);
    const { slots } = reportOf(job, withBatch(at, [{ type: 'hosts-permitted', job, hosts: [7] }]));
    expect(slots).toMatchObject([
      {
        peak: 3,
        limit: 2,
        hosts: ['foo1.east', 'foo2.east', 'foo8.east'],
        violated: 1,
        violations: [{ host: 'foo8.east', use: 3, index: at }],
      },
    ]);
  });

  it('finds it in another job, too, as long as it was in a slot of this one', () => {
    const job = leader.submit('foo[1-8].east');
    const other = leader.submit('foo1.west,foo[7-8].east', { limits: { ...limits, concurrent: 1 } });
    step();
    const at = firstIndex('hosts-permitted', job);
    const wrong = withBatch(at, [{ type: 'hosts-permitted', job: other, hosts: [2] }]);
    expect(reportOf(job, wrong).slots).toMatchObject([{ peak: 3, violated: 1 }]);
  });

  it('tells what counts beyond a limit without anybody having been permitted so', () => {
    const job = leader.submit('foo[1-8].east');
    const lifted = leader.submit('foo[5-8].east', { unconstrained: true });
    step();
    expect(live(lifted)).toHaveLength(4);
    runToEnd(lifted);
    runToEnd(job);
    expect(reportOf(job).slots).toMatchObject([{ peak: 5, limit: 2, violated: 0 }]);
  });

  it('keeps versions of the namespace apart', () => {
    const job = leader.submit('foo[1-8].east');
    step();
    leader.constrain(fleet(50));
    step();
    leader.constrain(fleet(12));
    runToEnd(job);
    expect(reportOf(job).slots).toMatchObject([
      { version: 1, limit: 2, peak: 2, violated: 0 },
      { version: 2, limit: 4, peak: 4, violated: 0 },
      { version: 3, limit: 1, peak: 4, violated: 0 },
    ]);
  });

  it('tells for each environment when the last predecessor was done and the first successor let go', () => {
    const job = leader.submit('{foo[1-2],bar[1-2]}.{east,west}');
    runToEnd(job);
    const { sequences } = reportOf(job);
    expect(sequences).toMatchObject([
      { environment: 'coast=east', before: 'backend', hostsBefore: 2, after: 'frontend', hostsAfter: 2 },
      { environment: 'coast=west', before: 'backend', hostsBefore: 2, after: 'frontend', hostsAfter: 2 },
    ]);
    for (const { lastEnd, firstStart, violated } of sequences) {
      expect(lastEnd!.index).toBeLessThan(firstStart!.index);
      expect(violated).toBe(0);
    }
  });

  it('finds a successor that did not wait', () => {
    const job = leader.submit('foo1.east,bar[1-2].east');
    step();
    const at = firstIndex('hosts-permitted', job);
    const { sequences } = reportOf(job, withBatch(at, [{ type: 'hosts-permitted', job, hosts: [0] }]));
    expect(sequences).toMatchObject([{ before: 'backend', after: 'frontend', violated: 1 }]);
    expect(sequences[0]!.lastEnd).toBeUndefined();
  });

  it('counts the own cap, attempts and failures by reason, and each time in which the job was open', () => {
    const job = leader.submit('foo[1-4].east,bar1.east', { limits: { ...limits, concurrent: 2 } });
    step();
    leader.finish(job, ['bar1.east'], succeeded);
    step();
    leader.finish(job, live(job).slice(0, 1), failed);
    leader.finish(job, live(job), unreachable);
    step();
    expect(leader.state.jobs.get(job)!.state).toBe('deadlocked');
    leader.append([], leader.state.atMs + 60_000);
    const retried = decideRetry(leader.state.jobs.get(job)!, {
      hosts: undefined,
      by: 'ada',
      fence: false,
      credentials: { kind: 'present' },
    });
    if (retried.kind !== 'decided') throw new Error(retried.kind);
    leader.append(retried.entries);
    step();
    leader.finish(job, live(job).slice(0, 1), failed);
    runToEnd(job);
    const { attempts, failures, own, periods, counts } = reportOf(job);
    expect(counts).toMatchObject({ succeeded: 4, failed: 1 });
    expect(attempts).toEqual({ total: 7, retriedHosts: 2, most: 2, failed: 3 });
    expect(failures).toMatchObject([{ state: 'failed', reason: 'exit-nonzero', count: 1 }]);
    expect(own).toMatchObject([{ limit: 2, peak: 2, violated: 0 }]);
    expect(periods).toMatchObject([{ state: 'deadlocked' }, { state: 'failed' }]);
    expect(periods[1]!.from.atMs - periods[0]!.to!.atMs).toBeGreaterThanOrEqual(60_000);
  });

  it('begins as well where a snapshot was taken before the job, and says the same', () => {
    const first = leader.submit('foo[1-4].east');
    runToEnd(first, failed);
    const record = leader.state.jobs.get(first)!;
    const released = decideRelease(record, { hosts: [...record.held].slice(0, 1), by: 'ada' });
    if (released.kind !== 'decided') throw new Error(released.kind);
    leader.append(released.entries);
    const before = countsBefore(snapshotState(leader.state));
    const split = leader.history.length;
    const job = leader.submit('foo[5-8].east');
    runToEnd(job);
    const reporter = new JobReporter(job, leader.documents, before);
    for (const batch of leader.history.slice(split)) reporter.apply(batch);
    expect(reporter.report()).toEqual(reportOf(job));
    expect(reporter.report()!.slots).toMatchObject([{ peak: 2 }]);
  });

  it('names jobs whose hosts nobody can name any more', () => {
    const other = leader.accept({ hosts: 2, specRef: 'specs/gone' });
    const job = leader.submit('foo[1-2].east');
    runToEnd(job);
    expect(reportOf(job).namelessJobs).toEqual([other]);
  });
});
