/** A disk under a journal that can be made to fail, and that counts what it is asked to do. */
import { type FileHandle, open } from 'node:fs/promises';
import type { JournalFile, OpenJournalFile } from '../src/journal/file/journal-segment.js';

export class FaultyDisk {
  /** Fails from now on with this code: at writes after `roomBytes` more, at syncs at once. */
  fault: { code: 'ENOSPC' | 'EIO'; roomBytes: number; syncs?: boolean } | undefined;
  writes = 0;
  syncs = 0;
  /** Called after each attempt that failed. */
  onFailure: () => unknown = () => undefined;
  /** Awaited before a sync. */
  beforeSync: () => Promise<void> = () => Promise.resolve();

  readonly openFile: OpenJournalFile = async (path, flags, mode) =>
    this.#around(await open(path, flags, mode));

  #around(handle: FileHandle): JournalFile {
    const sync = async (act: () => Promise<void>) => {
      await this.beforeSync();
      if (this.fault?.syncs === true) throw this.#failed(this.fault.code);
      await act();
      this.syncs++;
    };
    return {
      readFile: handle.readFile.bind(handle),
      truncate: handle.truncate.bind(handle),
      chmod: handle.chmod.bind(handle),
      close: handle.close.bind(handle),
      datasync: () => sync(() => handle.datasync()),
      sync: () => sync(() => handle.sync()),
      write: (async (buffer: Buffer, offset: number, length: number, position: number) => {
        const { fault } = this;
        if (fault === undefined || fault.syncs === true) {
          this.writes++;
          return handle.write(buffer, offset, length, position);
        }
        // As a real one does: what still fits is written, then nothing.
        const fits = Math.min(length, fault.roomBytes);
        if (fits === 0) throw this.#failed(fault.code);
        fault.roomBytes -= fits;
        return handle.write(buffer, offset, fits, position);
      }) as JournalFile['write'],
    };
  }

  #failed(code: 'ENOSPC' | 'EIO'): Error {
    queueMicrotask(() => this.onFailure());
    const message = code === 'ENOSPC' ? 'no space left on device' : 'i/o error';
    return Object.assign(new Error(`${code}: ${message}, write`), { code });
  }
}
