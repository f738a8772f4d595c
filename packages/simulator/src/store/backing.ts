/**
 * What the simulated store holds: the truth that handles reach late, twice, or not at all. Everything here happens at one
 * instant; durable is what is here.
 */
import type {
  AppendOutcome,
  Batch,
  DeleteOutcome,
  Document,
  DocumentSummary,
  ExpectedVersion,
  LogEntry,
  PruneOutcome,
  PruneRequest,
  PutOutcome,
  ReadOutcome,
  SnapshotPointer,
} from '@pogo/store';

export class Backing {
  readonly #appended: (index: number, batch: Batch) => void;
  readonly #conflicted: () => void;
  #batches: Batch[] = [];
  #pointer: SnapshotPointer = { floor: 0, snapshot: null, version: 0 };
  readonly #documents = new Map<string, Document>();
  #lastVersion = 0;

  /**
   * @param options.appended called once for each batch, when it comes to stand in the log.
   * @param options.conflicted called when somebody wants to write where another batch stands.
   */
  constructor(options: { appended: (index: number, batch: Batch) => void; conflicted: () => void }) {
    this.#appended = options.appended;
    this.#conflicted = options.conflicted;
  }

  append(index: number, batch: Batch): AppendOutcome {
    const { floor } = this.#pointer;
    const next = floor + this.#batches.length;
    if (index < floor) return { kind: 'pruned', floor };
    if (index > next) return { kind: 'gap', next };
    const found = this.#batches[index - floor];
    if (found !== undefined) {
      const isSame = found.writer === batch.writer && found.id === batch.id;
      if (!isSame) this.#conflicted();
      return isSame ? { kind: 'ok' } : { kind: 'conflict', found: { writer: found.writer, id: found.id } };
    }
    this.#batches.push({ ...batch, body: batch.body.slice() });
    this.#appended(index, batch);
    return { kind: 'ok' };
  }

  /** @param unseen how many of the last batches a stale reader doesn't see yet. */
  read(from: number, limit: number, unseen: number): ReadOutcome {
    const { floor, snapshot } = this.#pointer;
    if (from < floor) return { kind: 'pruned', floor, snapshot };
    const end = Math.min(from - floor + limit, this.#batches.length - unseen);
    const entries: LogEntry[] = [];
    for (let at = from - floor; at < end; at++)
      entries.push({ index: floor + at, batch: this.#batches[at]! });
    return { kind: 'entries', entries, next: from + entries.length };
  }

  pointer(): SnapshotPointer {
    return { ...this.#pointer };
  }

  prune({ before, snapshot, expectedVersion }: PruneRequest): PruneOutcome {
    const { floor, version } = this.#pointer;
    const next = floor + this.#batches.length;
    if (version !== expectedVersion || before < floor) return { kind: 'conflict', pointer: this.pointer() };
    if (before > next) return { kind: 'gap', next };
    this.#batches = this.#batches.slice(before - floor);
    this.#pointer = { floor: before, snapshot, version: version + 1 };
    return { kind: 'ok', version: version + 1 };
  }

  get(key: string): Document | undefined {
    const found = this.#documents.get(key);
    return found && { ...found };
  }

  put(key: string, value: Uint8Array, expectedVersion: ExpectedVersion): PutOutcome {
    const version = this.#documents.get(key)?.version ?? null;
    if (expectedVersion !== 'any' && expectedVersion !== version) return { kind: 'conflict', version };
    this.#documents.set(key, { value: value.slice(), version: ++this.#lastVersion });
    return { kind: 'ok', version: this.#lastVersion };
  }

  delete(key: string, expectedVersion: number | 'any'): DeleteOutcome {
    const version = this.#documents.get(key)?.version ?? null;
    if (expectedVersion !== 'any' && expectedVersion !== version) return { kind: 'conflict', version };
    this.#documents.delete(key);
    return { kind: 'ok' };
  }

  list(prefix: string): DocumentSummary[] {
    return [...this.#documents]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { version }]) => ({ key, version }))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  }
}
