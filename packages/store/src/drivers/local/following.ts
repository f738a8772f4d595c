/**
 * `follow` and `watch` for drivers whose handles live in one process. Both look, hand on what they saw, and wait for a
 * change signal only when there was nothing: a slow consumer costs one page of memory, whatever it misses meanwhile.
 */
import type { DocumentSummary } from '../../documents.js';
import type { ReadOutcome } from '../../log.js';
import type { ChangeSignal } from './change-signal.js';

const pageEntries = 256;

export interface FollowOptions {
  from: number;
  read: (from: number, limit: number) => Promise<ReadOutcome>;
  changes: ChangeSignal;
  stops: readonly AbortSignal[];
}

export async function* followLog({ from, read, changes, stops }: FollowOptions): AsyncGenerator<ReadOutcome> {
  let next = from;
  for (;;) {
    const seen = changes.sequence;
    const outcome = await unlessStopped(stops, () => read(next, pageEntries));
    if (outcome === undefined) return;
    if (outcome.kind === 'entries' && outcome.entries.length === 0) {
      await changes.wait(seen, stops);
      continue;
    }
    yield outcome;
    if (outcome.kind === 'pruned') return;
    next = outcome.next;
  }
}

export interface WatchOptions {
  list: () => Promise<DocumentSummary[]>;
  changes: ChangeSignal;
  stops: readonly AbortSignal[];
}

export async function* watchDocuments({
  list,
  changes,
  stops,
}: WatchOptions): AsyncGenerator<DocumentSummary[]> {
  let shown: DocumentSummary[] | undefined;
  for (;;) {
    const seen = changes.sequence;
    const listing = await unlessStopped(stops, list);
    if (listing === undefined) return;
    if (shown !== undefined && sameListing(shown, listing)) {
      await changes.wait(seen, stops);
      continue;
    }
    shown = listing;
    yield listing;
  }
}

/** The result of `look`; undefined when something stopped before or meanwhile, whatever became of `look` then. */
async function unlessStopped<T>(
  stops: readonly AbortSignal[],
  look: () => Promise<T>,
): Promise<T | undefined> {
  const stopped = () => stops.some((stop) => stop.aborted);
  if (stopped()) return undefined;
  try {
    const result = await look();
    return stopped() ? undefined : result;
  } catch (error) {
    if (stopped()) return undefined;
    throw error;
  }
}

function sameListing(one: readonly DocumentSummary[], other: readonly DocumentSummary[]): boolean {
  return (
    one.length === other.length &&
    one.every((summary, at) => summary.key === other[at]?.key && summary.version === other[at].version)
  );
}
