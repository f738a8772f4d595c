import type {
  AppendOutcome,
  Batch,
  LogEntry,
  PruneOutcome,
  PruneRequest,
  ReadOutcome,
  SnapshotPointer,
} from '../../log.js';
import { StoreError } from '../../store-error.js';
import { decodeBatch, encodeBatch } from '../batch-record.js';
import { ChangeSignal } from '../local/change-signal.js';
import type { LocalLog } from '../local/handle.js';
import type { GroupCommit } from './group-commit.js';
import type { Level } from './level.js';
import { corrupt, storeErrorOf } from './level-errors.js';
import type { LevelSession } from './level-session.js';
import { decodePointer, encodePointer, openRecord } from './records.js';

/** Read pages stay below this, except for a single larger entry. */
const maxPageBytes = 4 * 1024 * 1024;
const indexDigits = 16;
/** What an entry costs beyond its body, roughly. */
const entryOverheadBytes = 100;

export interface EmbeddedLogOptions {
  namespace: string;
  directory: string;
  session: LevelSession;
  commits: GroupCommit;
}

interface LogState {
  pointer: SnapshotPointer;
  next: number;
}

/**
 * One namespace's log: `log/NAMESPACE/INDEX` per entry, `pointer/NAMESPACE` for the snapshot pointer.
 * Floor and end are kept in memory, and read anew for each database object that the session hands out.
 */
export class EmbeddedLog implements LocalLog {
  readonly changes = new ChangeSignal();
  readonly #options: EmbeddedLogOptions;
  readonly #entryPrefix: string;
  readonly #pointerKey: string;
  #loaded: { level: Level; state: LogState } | undefined;

  constructor(options: EmbeddedLogOptions) {
    this.#options = options;
    this.#entryPrefix = `log/${options.namespace}/`;
    this.#pointerKey = `pointer/${options.namespace}`;
  }

  async append(index: number, batch: Batch): Promise<AppendOutcome> {
    try {
      const sizeBytes = batch.body.byteLength + entryOverheadBytes;
      return await this.#options.commits.submit(sizeBytes, async (stage): Promise<AppendOutcome> => {
        const state = await stage.draft(this);
        const { floor } = state.pointer;
        if (index < floor) return { kind: 'pruned', floor };
        if (index > state.next) return { kind: 'gap', next: state.next };
        if (index < state.next) {
          const payload = await stage.get(this.#entryKey(index));
          if (payload === undefined) throw this.#hole(index);
          const found = decodeBatch(payload);
          const same = found.writer === batch.writer && found.id === batch.id;
          return same ? { kind: 'ok' } : { kind: 'conflict', found: { writer: found.writer, id: found.id } };
        }
        stage.put(this.#entryKey(index), encodeBatch(batch));
        state.next = index + 1;
        return { kind: 'ok' };
      });
    } catch (error) {
      // A damaged or closed store answers nothing any more, however often one asks.
      const mayWorkAgain = error instanceof StoreError && error.code === 'store-unavailable';
      if (mayWorkAgain) return { kind: 'doubt', error };
      throw error;
    }
  }

  async read(from: number, limit: number): Promise<ReadOutcome> {
    const level = await this.#options.session.level();
    const { next } = await this.#stateOf(level);
    const end = Math.min(next, from + limit);
    const found = from < end ? await this.#readPage(level, from, end) : [];
    // Entries first, then the pointer: a floor above them voids what was read (L5).
    const { floor, snapshot } = (await this.#stateOf(level)).pointer;
    if (from < floor) return { kind: 'pruned', floor, snapshot };
    const entries = found.map(({ key, record }, at): LogEntry => {
      if (key !== this.#entryKey(from + at)) throw this.#hole(from + at);
      return { index: from + at, batch: decodeBatch(this.#open(key, record)) };
    });
    if (from < end && entries.length === 0) throw this.#hole(from);
    return { kind: 'entries', entries, next: from + entries.length };
  }

  async pointer(): Promise<SnapshotPointer> {
    const level = await this.#options.session.level();
    return { ...(await this.#stateOf(level)).pointer };
  }

  async prune({ before, snapshot, expectedVersion }: PruneRequest): Promise<PruneOutcome> {
    const { commits } = this.#options;
    const outcome = await commits.submit(entryOverheadBytes, async (stage): Promise<PruneOutcome> => {
      const state = await stage.draft(this);
      const { pointer, next } = state;
      if (pointer.version !== expectedVersion || before < pointer.floor) {
        return { kind: 'conflict', pointer: { ...pointer } };
      }
      if (before > next) return { kind: 'gap', next };
      const moved = { floor: before, snapshot, version: pointer.version + 1 };
      stage.put(this.#pointerKey, encodePointer(moved));
      state.pointer = moved;
      return { kind: 'ok', version: moved.version };
    });
    // The pointer is on the disk. Entries that stay behind, should this fail, are swept at the next opening.
    if (outcome.kind === 'ok') await this.#sweep(before).catch(() => undefined);
    return outcome;
  }

  /** For the stage: a draft of the state in memory. */
  async begin(level: Level): Promise<LogState> {
    const { pointer, next } = await this.#stateOf(level);
    return { pointer, next };
  }

  /** For the stage: the draft is on the disk now. */
  commit(level: Level, draft: LogState): void {
    const before = this.#loaded?.state;
    this.#loaded = { level, state: draft };
    if (before?.next !== draft.next || before.pointer.version !== draft.pointer.version)
      this.changes.announce();
  }

  async #readPage(level: Level, from: number, end: number): Promise<{ key: string; record: Uint8Array }[]> {
    const page: { key: string; record: Uint8Array }[] = [];
    let pageBytes = 0;
    const range = { gte: this.#entryKey(from), lt: this.#entryKey(end) };
    const iterator = level.iterator({ ...range, highWaterMarkBytes: maxPageBytes / 4 });
    try {
      for (;;) {
        const step = await iterator.nextv(end - from);
        if (step.length === 0) return page;
        for (const [key, record] of step) {
          pageBytes += record.byteLength;
          if (page.length > 0 && pageBytes > maxPageBytes) return page;
          page.push({ key, record });
        }
      }
    } catch (error) {
      throw storeErrorOf(error, this.#options.directory);
    } finally {
      await iterator.close();
    }
  }

  async #stateOf(level: Level): Promise<LogState> {
    if (this.#loaded?.level === level) return this.#loaded.state;
    const state = await this.#load(level);
    // Another caller may have loaded it meanwhile, and a commit may have moved it on.
    if (this.#loaded?.level !== level) {
      this.#loaded = { level, state };
      if (state.pointer.floor > 0) void this.#sweep(state.pointer.floor).catch(() => undefined);
    }
    return this.#loaded.state;
  }

  async #load(level: Level): Promise<LogState> {
    try {
      const record = await level.get(this.#pointerKey);
      const pointer: SnapshotPointer =
        record === undefined
          ? { floor: 0, snapshot: null, version: 0 }
          : decodePointer(this.#open(this.#pointerKey, record));
      const range = { gte: this.#entryPrefix, lt: `${this.#entryPrefix}:` };
      const [last] = await level.keys({ ...range, reverse: true, limit: 1 }).all();
      const lastIndex = last === undefined ? -1 : Number(last.slice(this.#entryPrefix.length));
      return { pointer, next: Math.max(pointer.floor, lastIndex + 1) };
    } catch (error) {
      throw storeErrorOf(error, this.#options.directory);
    }
  }

  /** Deletes what is below `floor`. */
  #sweep(floor: number): Promise<void> {
    return this.#options.commits.alone(async (level) => {
      await level.clear({ gte: this.#entryPrefix, lt: this.#entryKey(floor) });
    });
  }

  #open(key: string, record: Uint8Array): Uint8Array {
    return openRecord(key, record, this.#options.directory);
  }

  #entryKey(index: number): string {
    return `${this.#entryPrefix}${String(index).padStart(indexDigits, '0')}`;
  }

  #hole(index: number): StoreError {
    return corrupt(
      this.#options.directory,
      `entry ${index} of the log ${this.#options.namespace} is missing`,
    );
  }
}
