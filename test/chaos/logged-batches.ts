/** The log of the namespace as the ensemble has committed it, with batches that were pruned since. */
import { type NodeChange, TransactionReader, type ZooKeeperEnsemble } from '@pogo/testkit';

export interface LoggedBatch {
  readonly index: number;
  /** When the servers took it, by the wall clock that the hosts have as well; in milliseconds since 1970. */
  readonly atMs: number;
  readonly body: Buffer;
  readonly entries: readonly LoggedEntry[];
}

/** What is read of an entry here; the checker reads the rest. */
export interface LoggedEntry {
  readonly type: string;
  readonly job?: number;
  readonly host?: number;
  readonly attempt?: number;
  readonly hosts?: number | readonly (number | readonly [number, number])[];
  readonly idempotencyKey?: string;
  readonly worker?: string;
  readonly outcome?: { readonly state: string; readonly reason?: string; readonly exitCode?: number };
}

const entriesFolder = '/pogo/log/default/entries/';
/** A tag and a sum stand before every value. */
const sealBytes = 17;

export class LoggedBatches {
  readonly #reader: TransactionReader;
  readonly #batches: LoggedBatch[] = [];
  #taken = 0n;

  constructor({ servers }: ZooKeeperEnsemble) {
    this.#reader = new TransactionReader(servers.map(({ dataDirectory }) => dataDirectory));
  }

  /** All batches so far, in the order of their indices; a hole throws. */
  read(): readonly LoggedBatch[] {
    for (const change of this.#reader.committed()) {
      if (change.zxid <= this.#taken) continue;
      this.#taken = change.zxid;
      if (change.kind === 'create' && change.path.startsWith(entriesFolder)) this.#take(change);
    }
    return this.#batches;
  }

  #take({ path, atMs, data }: NodeChange): void {
    const index = Number(path.slice(entriesFolder.length));
    // What a leader wrote into a place that was pruned long before; it takes it away again (L2).
    if (index < this.#batches.length) return;
    if (index > this.#batches.length)
      throw new Error(`L1: the log has a hole: ${index} follows ${this.#batches.length - 1}`);
    const body = bodyOf(data.subarray(sealBytes));
    const { entries } = JSON.parse(body.toString('utf8')) as { entries: LoggedEntry[] };
    this.#batches.push({ index, atMs, body, entries });
  }
}

/** Behind the lengths of the writer's name and the batch's id, and these two. */
function bodyOf(record: Buffer): Buffer {
  return record.subarray(4 + record.readUInt16BE(0) + record.readUInt16BE(2));
}

export function* hostIndexes(set: LoggedEntry['hosts']): Generator<number> {
  if (typeof set !== 'object') return;
  for (const item of set) {
    if (typeof item === 'number') yield item;
    else for (let at = item[0]; at <= item[1]; at++) yield at;
  }
}
