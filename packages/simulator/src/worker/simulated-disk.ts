/**
 * The disk of one worker's machine.
 *
 * 1. What was written can be read at once; what was synced survives a crash. Of the rest of a file a crash keeps some
 *    part of what was appended, or nothing.
 * 2. Every operation takes time, and none of a dead process is begun any more.
 */
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { VirtualTime } from '../virtual-time.js';

interface Content {
  bytes: Buffer;
  /** What a crash leaves for certain. */
  synced: Buffer;
  mtimeMs: number;
}

export class SimulatedDisk {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #files = new Map<string, Content>();

  constructor(options: { time: VirtualTime; random: Random }) {
    this.#time = options.time;
    this.#random = options.random;
  }

  /** As a process of this machine sees it. */
  mountedFor(process: SimulatedProcess): MountedDisk {
    return new MountedDisk({ files: this.#files, time: this.#time, random: this.#random, process });
  }

  /** (1) */
  crash(): void {
    for (const content of this.#files.values()) {
      const { bytes, synced } = content;
      const kept = this.#random.integer(Math.min(synced.length, bytes.length), bytes.length);
      const isAppended = bytes.subarray(0, synced.length).equals(synced);
      content.bytes = isAppended ? bytes.subarray(0, kept) : synced;
      content.synced = content.bytes;
    }
  }
}

export class MountedDisk {
  readonly #options: {
    files: Map<string, Content>;
    time: VirtualTime;
    random: Random;
    process: SimulatedProcess;
  };

  constructor(options: {
    files: Map<string, Content>;
    time: VirtualTime;
    random: Random;
    process: SimulatedProcess;
  }) {
    this.#options = options;
  }

  mkdir(): Promise<void> {
    return this.#soon(() => undefined);
  }

  readdir(directory: string): Promise<string[]> {
    const prefix = `${directory}/`;
    return this.#soon(() =>
      [...this.#options.files.keys()]
        .filter((path) => path.startsWith(prefix))
        .map((path) => path.slice(prefix.length)),
    );
  }

  stat(path: string): Promise<{ mtimeMs: number }> {
    return this.#soon(() => ({ mtimeMs: this.#found(path).mtimeMs }));
  }

  unlink(path: string): Promise<void> {
    return this.#soon(() => void this.#options.files.delete(path));
  }

  openFile(path: string, flags: number): Promise<OpenFile> {
    const create = (flags & 0o100) !== 0;
    return this.#soon(() => {
      const { files } = this.#options;
      if (!files.has(path) && create) {
        files.set(path, { bytes: Buffer.alloc(0), synced: Buffer.alloc(0), mtimeMs: 0 });
      }
      return new OpenFile(this.#found(path), (act) => this.#soon(act));
    });
  }

  #found(path: string): Content {
    const content = this.#options.files.get(path);
    if (content !== undefined) return content;
    throw Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' });
  }

  /** (2) */
  #soon<T>(act: () => T): Promise<T> {
    const { time, random, process } = this.#options;
    return new Promise((resolve, reject) => {
      time.schedule(random.spread(0.01, 1), () =>
        process.deliver(() => {
          try {
            resolve(act());
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        }),
      );
    });
  }
}

class OpenFile {
  readonly #content: Content;
  readonly #soon: <T>(act: () => T) => Promise<T>;

  constructor(content: Content, soon: <T>(act: () => T) => Promise<T>) {
    this.#content = content;
    this.#soon = soon;
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#soon(() => ({
      bytesRead: this.#content.bytes.copy(buffer, offset, position, position + length),
    }));
  }

  write(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }> {
    return this.#soon(() => {
      const { bytes } = this.#content;
      const size = Math.max(bytes.length, position + length);
      const written = Buffer.alloc(size);
      bytes.copy(written);
      buffer.copy(written, position, offset, offset + length);
      this.#content.bytes = written;
      return { bytesWritten: length };
    });
  }

  truncate(length: number): Promise<void> {
    return this.#soon(() => {
      this.#content.bytes = this.#content.bytes.subarray(0, length);
    });
  }

  stat(): Promise<{ size: number }> {
    return this.#soon(() => ({ size: this.#content.bytes.length }));
  }

  utimes(_accessedSeconds: number, modifiedSeconds: number): Promise<void> {
    return this.#soon(() => {
      this.#content.mtimeMs = modifiedSeconds * 1000;
    });
  }

  datasync(): Promise<void> {
    return this.#soon(() => {
      this.#content.synced = this.#content.bytes;
    });
  }

  close(): Promise<void> {
    return this.#soon(() => undefined);
  }
}
