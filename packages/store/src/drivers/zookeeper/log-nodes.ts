/** The nodes of one namespace's log as they are in one session: reading and decoding, no rules. */
import type { Batch, SnapshotPointer } from '../../log.js';
import type { StoreError } from '../../store-error.js';
import { decodeBatch, encodeBatch } from '../batch-record.js';
import type { Paths } from './paths.js';
import type { RecordSeal } from './record-seal.js';
import type { CreateOutcome, SetOutcome } from './node.js';
import type { Session } from './session.js';

export interface LogNodesOptions {
  namespace: string;
  paths: Paths;
  seal: RecordSeal;
  /** What a node means whose seal doesn't hold. */
  damaged: (path: string) => StoreError;
}

const firstPointer: SnapshotPointer = { floor: 0, snapshot: null, version: 0 };

export class LogNodes {
  readonly #options: LogNodesOptions;
  readonly #pointerPath: string;

  constructor(options: LogNodesOptions) {
    this.#options = options;
    this.#pointerPath = options.paths.pointer(options.namespace);
  }

  get pointerPath(): string {
    return this.#pointerPath;
  }

  entryPath(index: number): string {
    return this.#options.paths.entry(this.#options.namespace, index);
  }

  /** Makes what must be there before the first entry, where it isn't. */
  async prepare(session: Session): Promise<void> {
    const { namespace, paths, seal } = this.#options;
    // Without waiting in between: one session does them in this order.
    await Promise.all([
      session.create(paths.namespace(namespace), new Uint8Array()),
      session.create(paths.entries(namespace), new Uint8Array()),
      session.create(this.#pointerPath, seal.seal(this.#pointerPath, encodePointer(firstPointer))),
    ]);
  }

  create(session: Session, index: number, batch: Batch): Promise<CreateOutcome> {
    const path = this.entryPath(index);
    return session.create(path, this.#options.seal.seal(path, encodeBatch(batch)));
  }

  async delete(session: Session, index: number): Promise<void> {
    await session.delete(this.entryPath(index), -1);
  }

  async exists(session: Session, index: number): Promise<boolean> {
    return (await session.exists(this.entryPath(index))) !== undefined;
  }

  async batch(session: Session, index: number): Promise<Batch | undefined> {
    const path = this.entryPath(index);
    const node = await session.read(path);
    return node === undefined ? undefined : decodeBatch(this.#open(path, node.data));
  }

  async pointer(session: Session): Promise<SnapshotPointer> {
    const node = await session.read(this.#pointerPath);
    if (node === undefined) return firstPointer;
    return { ...decodePointer(this.#open(this.#pointerPath, node.data)), version: node.stat.version };
  }

  movePointer(session: Session, to: Omit<SnapshotPointer, 'version'>, version: number): Promise<SetOutcome> {
    return session.set(
      this.#pointerPath,
      this.#options.seal.seal(this.#pointerPath, encodePointer(to)),
      version,
    );
  }

  /** The indices of all entries, in no order; only for pruning (L5). */
  async indices(session: Session): Promise<number[]> {
    const names = await session.children(this.#options.paths.entries(this.#options.namespace));
    return (names ?? []).map(Number).filter((index) => Number.isSafeInteger(index));
  }

  #open(path: string, record: Uint8Array): Uint8Array {
    const payload = this.#options.seal.open(path, record);
    if (payload === undefined) throw this.#options.damaged(path);
    return payload;
  }
}

/** The floor, then the snapshot's name, if there is one. */
function encodePointer({ floor, snapshot }: Omit<SnapshotPointer, 'version'>): Uint8Array {
  const name = new TextEncoder().encode(snapshot ?? '');
  const payload = new Uint8Array(9 + name.byteLength);
  const view = new DataView(payload.buffer);
  view.setBigUint64(0, BigInt(floor));
  view.setUint8(8, snapshot === null ? 0 : 1);
  payload.set(name, 9);
  return payload;
}

function decodePointer(payload: Uint8Array): Omit<SnapshotPointer, 'version'> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const floor = Number(view.getBigUint64(0));
  return { floor, snapshot: view.getUint8(8) === 0 ? null : new TextDecoder().decode(payload.subarray(9)) };
}
