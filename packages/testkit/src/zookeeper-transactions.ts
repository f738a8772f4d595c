/**
 * What an ensemble has committed, read from the transaction logs that its servers keep on disk: in order, with the time at
 * which the leading server took it, and complete also where nodes are gone since. Nothing is asked of any server, so
 * that it makes no difference which of them run, or whom they reach.
 *
 * 1. A change counts once two of three servers have it on disk (a majority of however many there are): that is when
 *    ZooKeeper itself calls it committed. What a leader wrote down alone, and nobody else heard of, never counts.
 * 2. Each file is read on from where it ended the last time.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** A change of one node. */
export interface NodeChange {
  kind: 'create' | 'set' | 'delete';
  /** Numbers changes in the order in which they happened. */
  zxid: bigint;
  /** Wall clock of the server that led, in milliseconds since 1970. */
  atMs: number;
  path: string;
  /** Empty for a deletion. */
  data: Buffer;
}

const magic = 'ZKLG';
const headerBytes = 16;
/** Types of transactions, as ZooKeeper's own ZooDefs numbers them. */
const kinds = new Map<number, NodeChange['kind']>([
  [1, 'create'],
  [2, 'delete'],
  [5, 'set'],
  [15, 'create'],
  [19, 'create'],
  [21, 'create'],
]);
const multi = 14;
const pieceBytes = 1 << 20;

export class TransactionReader {
  readonly #directories: readonly string[];
  /** How far each file was read, in bytes. */
  readonly #read = new Map<string, number>();
  /** By zxid: the change, and on how many servers' disks it is. */
  readonly #seen = new Map<bigint, { change: NodeChange; servers: Set<string> }>();

  /** @param directories `dataDirectory` of every server of the ensemble. */
  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** Everything that was committed until now, in order. */
  committed(): NodeChange[] {
    for (const directory of this.#directories) {
      const logs = join(directory, 'version-2');
      const names = existsSync(logs) ? readdirSync(logs).filter((name) => name.startsWith('log.')) : [];
      for (const name of names) this.#readOn(join(logs, name), directory);
    }
    const majority = Math.floor(this.#directories.length / 2) + 1;
    return [...this.#seen.values()]
      .filter(({ servers }) => servers.size >= majority)
      .map(({ change }) => change)
      .sort((one, other) => (one.zxid < other.zxid ? -1 : 1));
  }

  #readOn(file: string, server: string): void {
    const from = this.#read.get(file) ?? headerBytes;
    const text = bytesFrom(file, from);
    if (from === headerBytes && bytesFrom(file, 0, 4).toString('latin1') !== magic) return;
    let at = 0;
    for (;;) {
      // A checksum (8), a length (4), the transaction, and a byte that ends it. Files are filled up with zeros.
      if (at + 12 > text.length) break;
      const lengthBytes = text.readInt32BE(at + 8);
      const end = at + 12 + lengthBytes;
      if (lengthBytes <= 0 || end >= text.length || text[end] !== 0x42) break;
      this.#take(text.subarray(at + 12, end), server);
      at = end + 1;
    }
    this.#read.set(file, from + at);
  }

  #take(transaction: Buffer, server: string): void {
    // Session (8), its request (4), zxid (8), time (8), type (4).
    const zxid = transaction.readBigInt64BE(12);
    const type = transaction.readInt32BE(28);
    if (type === multi)
      throw new Error('a transaction of several changes at once: this reader takes single ones only');
    const kind = kinds.get(type);
    if (kind === undefined) return;
    const known = this.#seen.get(zxid);
    if (known !== undefined) {
      known.servers.add(server);
      return;
    }
    const path = field(transaction, 32);
    const data = kind === 'delete' ? undefined : field(transaction, 36 + path.length);
    const change: NodeChange = {
      kind,
      zxid,
      atMs: Number(transaction.readBigInt64BE(20)),
      path: path.toString('utf8'),
      data: Buffer.from(data ?? ''),
    };
    this.#seen.set(zxid, { change, servers: new Set([server]) });
  }
}

/** A length and as many bytes; a length of -1 is none. */
function field(bytes: Buffer, at: number): Buffer {
  const lengthBytes = Math.max(0, bytes.readInt32BE(at));
  return bytes.subarray(at + 4, at + 4 + lengthBytes);
}

/** The file from there to its end, or to where only zeros follow: files are made longer in advance. */
function bytesFrom(file: string, from: number, limit = Infinity): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const size = Math.min(fstatSync(descriptor).size, from + limit);
    const pieces: Buffer[] = [];
    for (let at = from; at < size; at += pieceBytes) {
      const piece = Buffer.alloc(Math.min(pieceBytes, size - at));
      readSync(descriptor, piece, 0, piece.length, at);
      pieces.push(piece);
      if (piece.every((byte) => byte === 0)) break;
    }
    return Buffer.concat(pieces);
  } finally {
    closeSync(descriptor);
  }
}
