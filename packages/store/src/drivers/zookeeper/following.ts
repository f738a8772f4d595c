/**
 * `follow` and `watch` over ZooKeeper's watches: look, and when there is nothing new, wait until a watch says that something
 * may be.
 *
 * 1. Watches are armed before the look that finds nothing, so that nothing falls in between.
 * 2. Followers watch the next index and the pointer, and never list the log (L5).
 * 3. A lost connection or session is no end: it is looked again with the next one, from where the consumer stands, so that
 *    nothing is left out or told twice.
 */
import { delay } from '@pogo/lifecycle';
import type { DocumentSummary } from '../../documents.js';
import type { ReadOutcome } from '../../log.js';
import type { LogNodes } from './log-nodes.js';
import type { Session } from './session.js';
import { type SessionKeeper, isUnavailable } from './session-keeper.js';

const pageEntries = 256;

interface Waiting {
  keeper: SessionKeeper;
  stops: readonly AbortSignal[];
}

export interface FollowOptions extends Waiting {
  log: { readIn(session: Session, from: number, limit: number): Promise<ReadOutcome> };
  nodes: LogNodes;
  from: number;
}

export async function* followEntries(options: FollowOptions): AsyncGenerator<ReadOutcome> {
  const { log, nodes } = options;
  let next = options.from;
  for (;;) {
    const outcome = await lookUntilFound(options, async (session, changed) => {
      const from = next;
      const found = await log.readIn(session, from, pageEntries);
      if (found.kind === 'pruned' || found.entries.length > 0) return found;
      const [stands] = await Promise.all([
        session.watchNode(nodes.entryPath(from), changed),
        session.watchNode(nodes.pointerPath, changed),
      ]);
      const { floor } = await nodes.pointer(session);
      if (stands !== undefined || floor > from) return log.readIn(session, from, pageEntries);
      return undefined;
    });
    if (outcome === undefined) return;
    // What stood there and was pruned meanwhile shows as nothing for a moment at most.
    if (outcome.kind === 'entries' && outcome.entries.length === 0) continue;
    yield outcome;
    if (outcome.kind === 'pruned') return;
    next = outcome.next;
  }
}

export interface WatchOptions extends Waiting {
  /** Lists, and arms watches on all that it looks at. */
  list: (session: Session, changed: () => void) => Promise<DocumentSummary[]>;
}

export async function* watchListing(options: WatchOptions): AsyncGenerator<DocumentSummary[]> {
  let shown: DocumentSummary[] | undefined;
  for (;;) {
    const listing = await lookUntilFound(options, async (session, changed) => {
      const found = await options.list(session, changed);
      return shown !== undefined && sameListing(shown, found) ? undefined : found;
    });
    if (listing === undefined) return;
    shown = listing;
    yield listing;
  }
}

/**
 * Looks, again after each change and after each loss, until `look` finds something; undefined when something stopped first.
 * `changed` may be armed with any watch of the session.
 */
async function lookUntilFound<T>(
  { keeper, stops }: Waiting,
  look: (session: Session, changed: () => void) => Promise<T | undefined>,
): Promise<T | undefined> {
  const stopper = new AbortController();
  const stop = () => stopper.abort();
  for (const each of stops) each.addEventListener('abort', stop);
  if (stops.some((each) => each.aborted)) stop();
  try {
    for (let failures = 0; !stopper.signal.aborted;) {
      try {
        const session = await keeper.session(Infinity, [stopper.signal]);
        const found = await lookOnce(session, stopper.signal, look);
        if (stopper.signal.aborted) return undefined;
        if (found !== undefined) return found;
        failures = 0;
      } catch (error) {
        if (stopper.signal.aborted) return undefined;
        if (!isUnavailable(error)) throw error;
        await delay(keeper.clock, keeper.backoffMs(failures++), stopper.signal);
      }
    }
    return undefined;
  } finally {
    for (const each of stops) each.removeEventListener('abort', stop);
  }
}

/** One look, and when it found nothing, the wait for the change after it. */
async function lookOnce<T>(
  session: Session,
  stop: AbortSignal,
  look: (session: Session, changed: () => void) => Promise<T | undefined>,
): Promise<T | undefined> {
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const changed = () => wake();
  stop.addEventListener('abort', changed);
  session.ended.addEventListener('abort', changed);
  try {
    const found = await Promise.race([look(session, changed), untilAborted(stop)]);
    if (found !== undefined) return found;
    if (!stop.aborted && !session.ended.aborted) await woken;
    return undefined;
  } finally {
    stop.removeEventListener('abort', changed);
    session.ended.removeEventListener('abort', changed);
    session.forget(changed);
  }
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function sameListing(one: readonly DocumentSummary[], other: readonly DocumentSummary[]): boolean {
  return (
    one.length === other.length &&
    one.every((summary, at) => summary.key === other[at]?.key && summary.version === other[at].version)
  );
}
