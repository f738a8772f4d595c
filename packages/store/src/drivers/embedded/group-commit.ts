/**
 * Merges the writes that gather while one is in flight into one synchronous batch (L8).
 *
 * 1. Writes take effect in the order in which they were submitted; each sees those before it, in its own group as well.
 * 2. Nobody is answered, not even with a conflict, before the whole group is on the disk (L7).
 * 3. When the batch fails, every write of the group rejects: whether it was made is unknown until the database is open again.
 */
import { type CommitCount, countKey, encodeCommits } from './commit-count.js';
import type { Level } from './level.js';
import { storeErrorOf } from './level-errors.js';
import type { LevelSession } from './level-session.js';
import { openRecord, sealRecord } from './records.js';

/** About how much is written in one batch at most. */
const maxGroupBytes = 4 * 1024 * 1024;

/** What a group is about to write, on top of what is on the disk. */
export class Stage {
  readonly level: Level;
  readonly #directory: string;
  readonly #changed = new Map<string, Uint8Array | null>();
  readonly #drafts = new Map<object, unknown>();
  readonly #afterCommit = new Set<() => void>();

  constructor(level: Level, directory: string) {
    this.level = level;
    this.#directory = directory;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const changed = this.#changed.get(key);
    if (changed !== undefined) return changed ?? undefined;
    const record = await this.level.get(key);
    return record === undefined ? undefined : openRecord(key, record, this.#directory);
  }

  put(key: string, payload: Uint8Array): void {
    this.#changed.set(key, payload);
  }

  delete(key: string): void {
    this.#changed.set(key, null);
  }

  /** The draft of what `owner` keeps in memory, the same one for all writes of the group; made by `begin`. */
  async draft<T>(owner: {
    begin(level: Level): Promise<T>;
    commit(level: Level, draft: T): void;
  }): Promise<T> {
    if (!this.#drafts.has(owner)) {
      const draft = await owner.begin(this.level);
      this.#drafts.set(owner, draft);
      this.#afterCommit.add(() => owner.commit(this.level, draft));
    }
    return this.#drafts.get(owner) as T;
  }

  /** Called once per group, however often it was asked for, after the batch is on the disk. */
  afterCommit(callback: () => void): void {
    this.#afterCommit.add(callback);
  }

  get isEmpty(): boolean {
    return this.#changed.size === 0;
  }

  async write(): Promise<void> {
    const operations = [...this.#changed].map(([key, payload]) =>
      payload === null
        ? { type: 'del' as const, key }
        : { type: 'put' as const, key, value: sealRecord(key, payload) },
    );
    await this.level.batch(operations, { sync: true });
  }

  finish(): void {
    for (const callback of this.#afterCommit) callback();
  }
}

interface Pending {
  sizeBytes: number;
  /** In a group of its own. */
  alone: boolean;
  /** Reads first, then changes the stage in one synchronous step: a write that rejects has changed nothing. */
  run: (stage: Stage) => Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #session: LevelSession;
  readonly #directory: string;
  readonly #count: CommitCount;
  #queue: Pending[] = [];
  #running: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(options: { session: LevelSession; directory: string; count: CommitCount }) {
    this.#session = options.session;
    this.#directory = options.directory;
    this.#count = options.count;
  }

  /** Resolves to what `write` returned once it is on the disk; rejects with a StoreError. */
  async submit<T>(sizeBytes: number, write: (stage: Stage) => Promise<T>): Promise<T> {
    let result: { value: T } | undefined;
    await this.#enqueue({ sizeBytes, alone: false }, async (stage) => {
      result = { value: await write(stage) };
    });
    return result!.value;
  }

  /** Runs `task`, which writes to the database by itself, between two groups. */
  alone(task: (level: Level) => Promise<void>): Promise<void> {
    return this.#enqueue({ sizeBytes: 0, alone: true }, async (stage) => {
      try {
        await task(stage.level);
      } catch (error) {
        this.#session.abandon(stage.level);
        throw error;
      }
    });
  }

  /** Waits until everything submitted so far was answered. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #enqueue(
    group: { sizeBytes: number; alone: boolean },
    run: (stage: Stage) => Promise<void>,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...group, run, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      this.#running = this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // Writes submitted in the same turn belong to the first group already.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#takeGroup());
    this.#busy = false;
  }

  #takeGroup(): Pending[] {
    let sizeBytes = 0;
    const tooMany = this.#queue.findIndex((pending, at) => {
      sizeBytes += pending.sizeBytes;
      return at > 0 && (sizeBytes > maxGroupBytes || pending.alone || this.#queue[0]?.alone === true);
    });
    const group = tooMany === -1 ? this.#queue : this.#queue.slice(0, tooMany);
    this.#queue = tooMany === -1 ? [] : this.#queue.slice(tooMany);
    return group;
  }

  async #commit(group: Pending[]): Promise<void> {
    let level: Level;
    try {
      level = await this.#session.level();
    } catch (error) {
      for (const pending of group) pending.reject(error);
      return;
    }
    const stage = new Stage(level, this.#directory);
    const staged: Pending[] = [];
    for (const pending of group) {
      try {
        await pending.run(stage);
        staged.push(pending);
      } catch (error) {
        pending.reject(error instanceof RangeError ? error : storeErrorOf(error, this.#directory));
      }
    }
    try {
      if (!stage.isEmpty) await this.#write(stage);
    } catch (error) {
      this.#session.abandon(level);
      for (const pending of staged) pending.reject(storeErrorOf(error, this.#directory));
      return;
    }
    stage.finish();
    for (const pending of staged) pending.resolve();
  }

  async #write(stage: Stage): Promise<void> {
    const draft = await stage.draft(this.#count);
    draft.count += 1;
    stage.put(countKey, encodeCommits(draft.count));
    await stage.write();
    await this.#count.acknowledge(draft.count);
  }
}
