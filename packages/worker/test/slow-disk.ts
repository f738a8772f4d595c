import type { FileHandle } from 'node:fs/promises';
import type { SpoolFile } from '../src/spool-file.js';

type Write = () => Promise<{ bytesWritten: number; buffer: Buffer }>;

/** The same file, with something before its writes. */
export function withWrite(handle: FileHandle, around: (write: Write) => ReturnType<Write>): SpoolFile {
  return {
    read: handle.read.bind(handle),
    truncate: handle.truncate.bind(handle),
    stat: handle.stat.bind(handle),
    utimes: handle.utimes.bind(handle),
    close: handle.close.bind(handle),
    write: ((buffer: Buffer, offset: number, length: number, position: number) =>
      around(() => handle.write(buffer, offset, length, position))) as SpoolFile['write'],
  };
}
