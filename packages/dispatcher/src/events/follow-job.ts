/**
 * The events of one job, from its beginning or from behind a known one, and on as they come. A generator: whoever reads
 * slowly asks rarely, and nothing is kept for them meanwhile.
 *
 * 1. Every event once, in order; one that was seen under its id isn't told again.
 * 2. What the log no longer has is told from the present state (see {@link JobTracker.catchUp}), to someone who has seen
 *    a part of it as well: a host may then be told twice, but none is left out.
 * 3. It ends behind the end of the job, when `signal` aborts, and when leadership ends. An end that a job was opened again
 *    after, or that evidence came after, isn't the end of what there is to tell.
 */
import { isEnded } from '@pogo/core';
import type { JobEventDocument } from '@pogo/protocol';
import type { Archive } from '../jobs/archive.js';
import { rampState } from '../jobs/job-documents.js';
import { deadlockDocument } from '../jobs/deadlock-document.js';
import type { JobView } from '../jobs/job-view.js';
import type { Leader } from '../leader/leader.js';
import type { JobHistory } from './job-history.js';
import { type EventPosition, isBehind, type JobNow, JobTracker } from './job-tracker.js';

export interface FollowRequest {
  view: JobView;
  /** Everything up to here was seen. */
  seen: EventPosition | undefined;
  /** Whether to wait for what comes. */
  live: boolean;
  signal: AbortSignal;
}

export interface FollowContext {
  leader: Leader;
  archive: Archive;
  history: JobHistory;
}

/** Yields at least one event at a time. Rejects with a StoreError. */
export async function* followJob(
  context: FollowContext,
  { view, seen, live, signal }: FollowRequest,
): AsyncGenerator<JobEventDocument[]> {
  const { job, hosts } = view;
  const { history } = context;
  const tracker = new JobTracker(job, hosts.hosts.length, hosts);
  const untold = (events: JobEventDocument[]) =>
    seen === undefined ? events : events.filter(({ id }) => isBehind(id, seen));
  const watch = history.watch(job, signal);
  try {
    for (let next = view.acceptedIndex; !signal.aborted;) {
      const outcome = await history.read(next);
      if (outcome.kind === 'pruned') {
        const now = await presentOf(context, job);
        if (now === undefined) return;
        next = now.index + 1;
        const events = tracker.catchUp(now);
        if (seen === undefined || seen.index < now.index) yield events;
        if (isEnded(tracker.jobState)) return;
      } else if (outcome.kind === 'end') {
        if (isEnded(tracker.jobState) || !live) return;
        const index = await watch.changed();
        if (index === undefined) return;
        next = Math.max(next, index);
      } else {
        for (const batch of outcome.batches) {
          const events = untold(tracker.follow(batch));
          if (events.length > 0) yield events;
          next = batch.index + 1;
          if (isEnded(tracker.jobState) && !(await goesOn(context, job, next))) return;
        }
      }
    }
  } finally {
    watch.close();
  }
}

/** Whether the log says more about the job from this index on. */
async function goesOn({ leader, archive }: FollowContext, job: number, from: number): Promise<boolean> {
  const live = await leader.view((state) => state.jobs.get(job)?.lastIndex);
  if (live.kind === 'lost') return false;
  const lastIndex = live.answer ?? (await archive.get(job))?.lastIndex;
  return lastIndex !== undefined && lastIndex >= from;
}

/** Where the job stands: live, or archived. Undefined when it is gone, or nobody leads. */
async function presentOf({ leader, archive }: FollowContext, job: number): Promise<JobNow | undefined> {
  const live = await leader.view((state) => {
    const record = state.jobs.get(job);
    if (record === undefined) return undefined;
    const { hosts, deadlock } = record;
    return {
      state: record.state,
      hold: record.hold,
      ramp: rampState(record),
      limits: record.limits,
      ...(record.state === 'deadlocked' && deadlock && { deadlock: deadlockDocument(deadlock) }),
      hosts: hosts.map(({ state: at, attempt, outcome }) => ({ state: at, attempt, outcome })),
      atMs: state.atMs,
      index: state.nextIndex - 1,
    };
  });
  if (live.kind === 'lost') return undefined;
  if (live.answer !== undefined) return live.answer;
  const archived = await archive.get(job);
  if (archived === undefined) return undefined;
  const { document, lastIndex } = archived;
  const hosts = (await archive.hosts(archived)).map((host) => ({ ...host, outcome: host.outcome }));
  return {
    state: document.state,
    deadlock: document.deadlock,
    hosts,
    atMs: document.endedAtMs ?? 0,
    index: lastIndex,
  };
}
