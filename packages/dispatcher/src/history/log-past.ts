/**
 * The log as far back as anything of it is kept: segments of what was pruned, then the log itself.
 *
 * 1. Whoever reads gets every batch from the start on, in order, without a hole; the start is what is told first.
 */
import { countsBefore, type CountsBefore, type FoldedBatch, nothingBefore } from '@pogo/core';
import { type Documents, type Log, StoreError } from '@pogo/store';
import type { JobHistory } from '../events/job-history.js';
import { readSnapshot } from '../leader/snapshots.js';
import type { HistorySegment, HistorySegments } from './history-segments.js';

export interface LogPast {
  /** What counted before the first batch. */
  readonly counts: CountsBefore;
  /** Index of the first batch. */
  readonly from: number;
  /** Batches up to and including `last`, which is durable, some at a time; `pruned` when the log was pruned meanwhile: begin again. */
  batches(last: number): AsyncGenerator<FoldedBatch[], 'whole' | 'pruned'>;
}

export interface LogPastContext {
  log: Log;
  documents: Documents;
  history: JobHistory;
  segments: HistorySegments;
}

/** The past from a batch on: it begins there or earlier, or later where nothing older is kept. Rejects with a StoreError. */
export async function openPast(context: LogPastContext, from: number): Promise<LogPast> {
  const { segments, log, history } = context;
  const { floor } = await log.pointer();
  const chain = from < floor ? chainTo(floor, await segments.list(), from) : [];
  const [first] = chain;
  const counts = first === undefined ? await countsAtFloor(context) : await segments.counts(first);
  // Pruned in between.
  if (first === undefined && counts.index !== floor) return openPast(context, from);
  const begin = first?.from ?? floor;
  return {
    counts,
    from: begin,
    async *batches(last) {
      let next = begin;
      const unread = (batches: FoldedBatch[]) =>
        batches.filter(({ index }) => index >= next && index <= last);
      for (const segment of chain) {
        for await (const batches of segments.batches(segment)) {
          yield unread(batches);
          next = Math.max(next, batches.at(-1)!.index + 1);
          if (next > last) return 'whole';
        }
      }
      while (next <= last) {
        const outcome = await history.read(next);
        if (outcome.kind === 'pruned') return 'pruned';
        if (outcome.kind === 'end') {
          throw new StoreError('store-unavailable', `the log shows nothing at ${next} just now: try again`);
        }
        yield unread(outcome.batches);
        next = outcome.batches.at(-1)!.index + 1;
      }
      return 'whole';
    },
  };
}

/** Segments without a hole up to the floor, the first of them the one that holds `from`, or the oldest there is. */
function chainTo(floor: number, segments: readonly HistorySegment[], from: number): HistorySegment[] {
  const chain: HistorySegment[] = [];
  let end = floor;
  for (const segment of [...segments].reverse()) {
    if (segment.to < end || segment.from >= end) continue;
    chain.unshift(segment);
    end = segment.from;
    if (end <= from) break;
  }
  return chain;
}

async function countsAtFloor({ log, documents }: LogPastContext): Promise<CountsBefore> {
  for (;;) {
    const { snapshot, version } = await log.pointer();
    if (snapshot === null) return nothingBefore;
    try {
      return countsBefore(await readSnapshot(documents, snapshot));
    } catch (error) {
      const isGone = error instanceof StoreError && error.code === 'store-corrupt';
      if (!isGone || (await log.pointer()).version === version) throw error;
    }
  }
}
