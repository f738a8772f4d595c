/**
 * Scripts that come with jobs (P3): files named by their SHA-256 in one private directory of this dispatcher.
 *
 * 1. Under its hash stands only what was read whole, hashed and synced; until then it is `<hash>.partial`, and an upload
 *    that broke off goes on from there.
 * 2. One upload, check or removal of the same hash at a time.
 * 3. Memory stays flat whatever their size.
 * 4. All together, uploads under way counted whole, take no more than `maxTotalBytes`: what would is refused before its
 *    first byte.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '@pogo/lifecycle';
import { makePrivateDirectory } from '../instance/private-files.js';
import { Turns } from '../turns.js';

export interface AttachmentStoreOptions {
  directory: string;
  clock: Clock;
  /** Largest attachment in bytes. */
  maxBytes: number;
  /** Most bytes of all attachments together. */
  maxTotalBytes: number;
  /** An upload that sends nothing for so long is broken off, in milliseconds. */
  idleMs: number;
}

export interface AttachmentStatus {
  /** How much of it is there, from its beginning on. */
  bytes: number;
  complete: boolean;
}

export interface Upload {
  /** Position of the body's first byte. */
  from: number;
  /** Length of the whole; undefined: the body's end is its end. */
  totalBytes: number | undefined;
  body: Readable;
}

export type UploadOutcome =
  | ({ kind: 'stored' } & AttachmentStatus)
  /** The body begins elsewhere than what is there ends. */
  | { kind: 'wrong-offset'; bytes: number }
  /** All is there, and it isn't what the hash says: it was removed. */
  | { kind: 'mismatch' }
  | { kind: 'too-large' }
  /** There is no room for it beside the others, which take so many bytes. */
  | { kind: 'full'; usedBytes: number; maxTotalBytes: number }
  /** The body ended with an error, or stood still; what came is kept. */
  | { kind: 'broken-off'; bytes: number }
  /** The file system failed. */
  | { kind: 'failed'; message: string };

const partialSuffix = '.partial';
const hashPattern = /^[0-9a-f]{64}$/;

export class AttachmentStore {
  readonly #options: AttachmentStoreOptions;
  readonly #turns = new Turns();
  /** Uploads under way, with the bytes that each may come to. */
  readonly #expected = new Map<string, number>();

  constructor(options: AttachmentStoreOptions) {
    this.#options = options;
  }

  /** Makes the directory. */
  async open(): Promise<void> {
    await makePrivateDirectory(this.#options.directory);
  }

  /** How much of it is here; undefined when nothing is. */
  status(sha256: string): Promise<AttachmentStatus | undefined> {
    return this.#turns.take(sha256, () => this.#status(sha256));
  }

  /** Whether it is whole and has this length. One that is stays for another while, so that a job can refer to it. */
  hold(sha256: string, bytes: number): Promise<boolean> {
    return this.#turns.take(sha256, async () => {
      let status = await this.#status(sha256);
      if (status?.complete === false && status.bytes === bytes) {
        // The process ended between its last byte and its name.
        await this.#finish(sha256);
        status = await this.#status(sha256);
      }
      if (status?.complete !== true || status.bytes !== bytes) return false;
      const now = this.#options.clock.wallMs() / 1000;
      await utimes(this.#path(sha256), now, now);
      return true;
    });
  }

  write(sha256: string, upload: Upload): Promise<UploadOutcome> {
    return this.#turns.take(sha256, async (): Promise<UploadOutcome> => {
      try {
        return await this.#write(sha256, upload);
      } catch (error) {
        if (!isSystemError(error)) throw error;
        return { kind: 'failed', message: error.message };
      }
    });
  }

  /** A stream of the whole or a range, ends included; undefined unless it is complete. */
  async read(
    sha256: string,
  ): Promise<{ bytes: number; stream(first: number, last: number): Readable } | undefined> {
    const status = await this.#status(sha256);
    if (status?.complete !== true) return undefined;
    const path = this.#path(sha256);
    return {
      bytes: status.bytes,
      stream: (first, last) => createReadStream(path, { start: first, end: last }),
    };
  }

  /** Attachments, and parts of some, that nobody has touched since that wall-clock instant. */
  async untouchedSince(wallMs: number): Promise<{ sha256: string; complete: boolean }[]> {
    const found: { sha256: string; complete: boolean }[] = [];
    for (const name of await readdir(this.#options.directory)) {
      const complete = !name.endsWith(partialSuffix);
      const sha256 = hashOf(name);
      if (!hashPattern.test(sha256)) continue;
      const touchedMs = (await this.#stat(join(this.#options.directory, name)))?.mtimeMs;
      if (touchedMs !== undefined && touchedMs < wallMs) found.push({ sha256, complete });
    }
    return found;
  }

  /** Removes it, unless somebody has touched it meanwhile. */
  remove(sha256: string, complete: boolean, untouchedSinceWallMs: number): Promise<void> {
    return this.#turns.take(sha256, async () => {
      const path = complete ? this.#path(sha256) : this.#partial(sha256);
      const touchedMs = (await this.#stat(path))?.mtimeMs;
      if (touchedMs !== undefined && touchedMs < untouchedSinceWallMs) await rm(path, { force: true });
    });
  }

  async #status(sha256: string): Promise<AttachmentStatus | undefined> {
    const whole = await this.#stat(this.#path(sha256));
    if (whole !== undefined) return { bytes: whole.size, complete: true };
    const part = await this.#stat(this.#partial(sha256));
    return part && { bytes: part.size, complete: false };
  }

  async #write(sha256: string, upload: Upload): Promise<UploadOutcome> {
    const { maxBytes } = this.#options;
    const status = await this.#status(sha256);
    if (status?.complete === true) return { kind: 'stored', ...status };
    const { from, totalBytes } = upload;
    const present = status?.bytes ?? 0;
    if (from !== 0 && from !== present) return { kind: 'wrong-offset', bytes: present };
    if ((totalBytes ?? 0) > maxBytes) return { kind: 'too-large' };
    const wantedBytes = totalBytes ?? maxBytes;
    this.#expected.set(sha256, wantedBytes);
    try {
      const usedBytes = (await this.#usedBytes()) - wantedBytes;
      const { maxTotalBytes } = this.#options;
      if (usedBytes + wantedBytes > maxTotalBytes) return { kind: 'full', usedBytes, maxTotalBytes };
      return await this.#receive(sha256, upload);
    } finally {
      this.#expected.delete(sha256);
    }
  }

  /** With what uploads under way may come to. */
  async #usedBytes(): Promise<number> {
    const { directory } = this.#options;
    let bytes = 0;
    for (const name of await readdir(directory)) {
      if (this.#expected.has(hashOf(name))) continue;
      bytes += (await this.#stat(join(directory, name)))?.size ?? 0;
    }
    for (const expected of this.#expected.values()) bytes += expected;
    return bytes;
  }

  async #receive(sha256: string, upload: Upload): Promise<UploadOutcome> {
    const { from, totalBytes } = upload;
    const hash = from === 0 ? createHash('sha256') : await this.#hashPartial(sha256);
    const file = await open(this.#partial(sha256), from === 0 ? 'w' : 'a', 0o600);
    let taken: { bytes: number; end: 'whole' | 'broken-off' | 'too-large' };
    try {
      taken = await this.#take(file, hash, upload);
      if (taken.end === 'whole') await file.sync();
    } finally {
      await file.close();
    }
    const { bytes, end } = taken;
    if (end === 'too-large') {
      await rm(this.#partial(sha256), { force: true });
      return { kind: 'too-large' };
    }
    if (end === 'broken-off') return { kind: 'broken-off', bytes };
    if (totalBytes !== undefined && bytes < totalBytes) return { kind: 'stored', bytes, complete: false };
    if (!(await this.#keep(sha256, hash))) return { kind: 'mismatch' };
    return { kind: 'stored', bytes, complete: true };
  }

  async #finish(sha256: string): Promise<void> {
    const file = await open(this.#partial(sha256), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#keep(sha256, await this.#hashPartial(sha256));
  }

  async #hashPartial(sha256: string): Promise<Hash> {
    const hash = createHash('sha256');
    for await (const piece of createReadStream(this.#partial(sha256))) hash.update(piece as Buffer);
    return hash;
  }

  /** Gives what was read whole its name, if the hash is right; removes it otherwise. */
  async #keep(sha256: string, hash: Hash): Promise<boolean> {
    if (hash.digest('hex') !== sha256) {
      await rm(this.#partial(sha256), { force: true });
      return false;
    }
    await rename(this.#partial(sha256), this.#path(sha256));
    await syncDirectory(this.#options.directory);
    return true;
  }

  async #take(
    file: FileHandle,
    hash: Hash,
    { from, totalBytes, body }: Upload,
  ): Promise<{ bytes: number; end: 'whole' | 'broken-off' | 'too-large' }> {
    const { clock, idleMs, maxBytes } = this.#options;
    const limit = totalBytes ?? maxBytes;
    const idle = () => clock.setTimer(idleMs, () => body.destroy(new Error('the upload stands still')));
    let bytes = from;
    let timer = idle();
    const pieces = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        let step: IteratorResult<unknown>;
        try {
          step = await pieces.next();
        } catch {
          return { bytes, end: 'broken-off' };
        }
        if (step.done) return { bytes, end: 'whole' };
        const piece = step.value as Buffer;
        if (bytes + piece.length > limit) return { bytes, end: 'too-large' };
        hash.update(piece);
        await writeWhole(file, piece);
        bytes += piece.length;
        timer.cancel();
        timer = idle();
      }
    } finally {
      timer.cancel();
    }
  }

  async #stat(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
    try {
      return await stat(path);
    } catch (error) {
      if (isSystemError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #path(sha256: string): string {
    return join(this.#options.directory, sha256);
  }

  #partial(sha256: string): string {
    return `${this.#path(sha256)}${partialSuffix}`;
  }
}

/** The attachment's, by the name of its file or of a part of it. */
function hashOf(name: string): string {
  return name.endsWith(partialSuffix) ? name.slice(0, -partialSuffix.length) : name;
}

async function writeWhole(file: FileHandle, piece: Buffer): Promise<void> {
  for (let written = 0; written < piece.length;) {
    written += (await file.write(piece, written)).bytesWritten;
  }
}

/** A rename is durable once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
