/**
 * One namespace's log: a node per index, made once and never written again (L2).
 *
 * 1. Making the node at an index is the compare-and-set: the servers let one of all who try succeed.
 * 2. Behind it, in the same session, the pointer is read. A floor above the index means that the node was made in a hole
 *    that pruning had left: it goes again, and the answer is `pruned`, never `ok` (L2). A floor not above it was read after
 *    the node was made, so it was made before the pointer moved past it, if ever.
 * 3. A node is made only where the one before stands, or once stood: what stood there once either stands there still or is
 *    below the floor, so that finding it once is enough, and there are never holes above the floor.
 * 4. What was read counts only after the pointer was read in the same session, later (L5).
 * 5. One try of an append takes place in one session. Without an answer it is in doubt; the caller repeats it, and whoever
 *    stands there then says which it was (L3).
 */
import type {
  AppendOutcome,
  Batch,
  LogEntry,
  PruneOutcome,
  PruneRequest,
  ReadOutcome,
  SnapshotPointer,
} from '../../log.js';
import type { BackingLog, Following } from '../handle.js';
import { followEntries } from './following.js';
import type { LogNodes } from './log-nodes.js';
import type { Session } from './session.js';
import { type SessionKeeper, isUnavailable } from './session-keeper.js';

const maxPageBytes = 4 * 1024 * 1024;
/** Entries asked for at once: at first as many as are surely not too much, then by the size of those that came. */
const firstWindow = 8;
const largestWindow = 128;
/** Deletions under way at once. */
const sweepWindow = 64;

export class ZooKeeperLog implements BackingLog {
  readonly #keeper: SessionKeeper;
  readonly #nodes: LogNodes;
  /** Every index below it was seen standing, or the floor above it (3). */
  #knownEnd = 0;
  #prepared = false;
  #lastAppend: Promise<unknown> = Promise.resolve();

  constructor(options: { keeper: SessionKeeper; nodes: LogNodes }) {
    this.#keeper = options.keeper;
    this.#nodes = options.nodes;
  }

  append(index: number, batch: Batch): Promise<AppendOutcome> {
    // One after another, in the order of the calls: a later one that overtook a failed one would leave a hole.
    const outcome = this.#lastAppend.then(() => this.#append(index, batch));
    this.#lastAppend = outcome.catch(() => undefined);
    return outcome;
  }

  read(from: number, limit: number): Promise<ReadOutcome> {
    return this.#keeper.repeat(async (session) => {
      const [, outcome] = await Promise.all([
        session.sync(this.#nodes.pointerPath),
        this.readIn(session, from, limit),
      ]);
      return outcome;
    });
  }

  /** As the session's server shows it, which may lag behind the others. */
  async readIn(session: Session, from: number, limit: number): Promise<ReadOutcome> {
    const entries: LogEntry[] = [];
    let pageBytes = 0;
    let window = firstWindow;
    for (let complete = false; !complete && entries.length < limit;) {
      const first = from + entries.length;
      const count = Math.min(window, limit - entries.length);
      const batches = await Promise.all(
        Array.from({ length: count }, (_, at) => this.#nodes.batch(session, first + at)),
      );
      for (const batch of batches) {
        const tooMuch = entries.length > 0 && pageBytes + (batch?.body.byteLength ?? 0) > maxPageBytes;
        complete = batch === undefined || tooMuch;
        if (batch === undefined || tooMuch) break;
        pageBytes += batch.body.byteLength;
        entries.push({ index: from + entries.length, batch });
      }
      const meanBytes = Math.max(1, pageBytes / Math.max(1, entries.length));
      window = Math.max(
        1,
        Math.min(largestWindow, 2 * window, Math.floor((maxPageBytes - pageBytes) / meanBytes)),
      );
    }
    const { floor, snapshot } = await this.#nodes.pointer(session);
    if (from < floor) return { kind: 'pruned', floor, snapshot };
    const next = from + entries.length;
    if (entries.length > 0) this.#knownEnd = Math.max(this.#knownEnd, next);
    return { kind: 'entries', entries, next };
  }

  follow({ from, stops }: Following): AsyncGenerator<ReadOutcome> {
    return followEntries({ log: this, nodes: this.#nodes, keeper: this.#keeper, from, stops });
  }

  pointer(): Promise<SnapshotPointer> {
    return this.#keeper.repeat((session) => this.#freshPointer(session));
  }

  prune({ before, snapshot, expectedVersion }: PruneRequest): Promise<PruneOutcome> {
    const isOurs = (pointer: SnapshotPointer) =>
      pointer.version === expectedVersion + 1 && pointer.floor === before && pointer.snapshot === snapshot;
    let tried = false;
    return this.#keeper.repeat(async (session) => {
      await this.#prepare(session);
      const pointer = await this.#freshPointer(session);
      const { floor, version } = pointer;
      // The earlier try, whose answer was lost, has moved it.
      if (tried && isOurs(pointer)) return this.#pruned(session, pointer);
      if (version !== expectedVersion || before < floor) return { kind: 'conflict', pointer };
      if (before > floor && !(await this.#nodes.exists(session, before - 1))) {
        return { kind: 'gap', next: await this.#end(session, floor) };
      }
      const triedBefore = tried;
      tried = true;
      // The version that was read and compared, so that no number of a caller's means "any" to the servers.
      const moved = await this.#nodes.movePointer(session, { floor: before, snapshot }, version);
      if (moved.kind === 'ok')
        return this.#pruned(session, { floor: before, snapshot, version: moved.stat.version });
      const present = await this.#freshPointer(session);
      if (triedBefore && isOurs(present)) return this.#pruned(session, present);
      return { kind: 'conflict', pointer: present };
    });
  }

  async #pruned(session: Session, { floor, version }: SnapshotPointer): Promise<PruneOutcome> {
    this.#knownEnd = Math.max(this.#knownEnd, floor);
    // What stays behind, should this fail, goes with the next pruning.
    await this.#sweep(session, floor).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
    return { kind: 'ok', version };
  }

  async #append(index: number, batch: Batch): Promise<AppendOutcome> {
    const { clock, callTimeoutMs } = this.#keeper;
    try {
      return await this.#tryAppend(
        await this.#keeper.session(clock.monotonicMs() + callTimeoutMs),
        index,
        batch,
      );
    } catch (error) {
      if (isUnavailable(error)) return { kind: 'doubt', error };
      throw error;
    }
  }

  async #tryAppend(session: Session, index: number, batch: Batch): Promise<AppendOutcome> {
    await this.#prepare(session);
    if (index > this.#knownEnd) {
      const next = await this.#endUpTo(session, index);
      if (next < index) return { kind: 'gap', next };
    }
    const [made, pointer] = await Promise.all([
      this.#nodes.create(session, index, batch),
      this.#nodes.pointer(session),
    ]);
    if (made.kind === 'no-parent') {
      // Somebody has deleted the namespace under us: the next try begins from nothing.
      this.#prepared = false;
      this.#knownEnd = 0;
      return this.#tryAppend(session, index, batch);
    }
    const { floor } = pointer;
    this.#knownEnd = Math.max(this.#knownEnd, floor);
    if (made.kind === 'ok') {
      if (floor > index) {
        await this.#nodes.delete(session, index);
        return { kind: 'pruned', floor };
      }
      this.#knownEnd = Math.max(this.#knownEnd, index + 1);
      return { kind: 'ok' };
    }
    return this.#whoStandsAt(session, index, batch);
  }

  async #whoStandsAt(session: Session, index: number, batch: Batch): Promise<AppendOutcome> {
    const [found, { floor }] = await Promise.all([
      this.#nodes.batch(session, index),
      this.#nodes.pointer(session),
    ]);
    if (floor > index) {
      this.#knownEnd = Math.max(this.#knownEnd, floor);
      return { kind: 'pruned', floor };
    }
    // It was there a moment ago, and above the floor nothing goes: only a server that fell back shows this.
    if (found === undefined) return this.#tryAppend(session, index, batch);
    this.#knownEnd = Math.max(this.#knownEnd, index + 1);
    const same = found.writer === batch.writer && found.id === batch.id;
    return same ? { kind: 'ok' } : { kind: 'conflict', found: { writer: found.writer, id: found.id } };
  }

  async #prepare(session: Session): Promise<void> {
    if (this.#prepared) return;
    await this.#nodes.prepare(session);
    this.#prepared = true;
  }

  async #freshPointer(session: Session): Promise<SnapshotPointer> {
    const [, pointer] = await Promise.all([
      session.sync(this.#nodes.pointerPath),
      this.#nodes.pointer(session),
    ]);
    return pointer;
  }

  /** `index` when an append there leaves no hole, else the first free index, which is below it. */
  async #endUpTo(session: Session, index: number): Promise<number> {
    const [, before, { floor }] = await Promise.all([
      session.sync(this.#nodes.pointerPath),
      this.#nodes.exists(session, index - 1),
      this.#nodes.pointer(session),
    ]);
    if (!before && floor < index) return this.#end(session, floor);
    this.#knownEnd = Math.max(this.#knownEnd, index);
    return index;
  }

  /** The first free index, looked for by leaps that double and then by halves: entries stand close together above the floor. */
  async #end(session: Session, floor: number): Promise<number> {
    let stands = Math.max(floor, this.#knownEnd) - 1;
    let leap = 1;
    while (await this.#nodes.exists(session, stands + leap)) {
      stands += leap;
      leap *= 2;
    }
    let free = stands + leap;
    while (free - stands > 1) {
      const middle = Math.floor((stands + free) / 2);
      if (await this.#nodes.exists(session, middle)) stands = middle;
      else free = middle;
    }
    this.#knownEnd = Math.max(this.#knownEnd, free);
    return free;
  }

  /** Deletes what is below the floor, strays of paused writers included. */
  async #sweep(session: Session, floor: number): Promise<void> {
    const below = (await this.#nodes.indices(session)).filter((index) => index < floor);
    for (let first = 0; first < below.length; first += sweepWindow) {
      await Promise.all(
        below.slice(first, first + sweepWindow).map((index) => this.#nodes.delete(session, index)),
      );
    }
  }
}
