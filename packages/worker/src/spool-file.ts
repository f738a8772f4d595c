import type { Log } from './log.js';
import { behind, type SpoolIndex } from './spool-index.js';
import { decodeRecordHeader, recordHeaderBytes, spoolMagic } from './spool-record.js';

/** What of a file is used; a seam for disks that are full, or none at all. */
export interface SpoolFile {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  write(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  stat(): Promise<{ size: number }>;
  utimes(accessedSeconds: number, modifiedSeconds: number): Promise<void>;
  close(): Promise<void>;
}
export type OpenFile = (path: string, flags: number, mode: number) => Promise<SpoolFile>;

/** Read at once while an existing file is scanned. */
const scanBytes = 256 * 1024;

/** Reads what a file holds into `index`, and cuts a tail that was torn by a crash. Returns the position behind the last record. */
export async function recoverSpool(
  file: SpoolFile,
  index: SpoolIndex,
  options: { path: string; log: Log },
): Promise<number> {
  const { size } = await file.stat();
  if (size === 0) return begin(file);
  const start = Buffer.alloc(spoolMagic.length);
  await file.read(start, 0, start.length, 0);
  if (!start.equals(spoolMagic)) {
    if (size >= spoolMagic.length) throw new Error(`${options.path} is not a spool file`);
    await file.truncate(0);
    return begin(file);
  }
  let position = spoolMagic.length;
  const chunk = Buffer.alloc(Math.min(scanBytes, size));
  let chunkAt = 0;
  let chunkBytes = 0;
  for (;;) {
    if (position + recordHeaderBytes > chunkAt + chunkBytes || position < chunkAt) {
      chunkAt = position;
      chunkBytes = (await file.read(chunk, 0, chunk.length, position)).bytesRead;
    }
    const record = decodeRecordHeader(chunk.subarray(position - chunkAt, chunkBytes));
    if (record === undefined || behind(position, record) > size) break;
    index.add(position, record);
    position = behind(position, record);
  }
  if (position < size) {
    options.log.warn(
      { spool: options.path, cutBytes: size - position },
      'the torn tail of a spool file was cut',
    );
    await file.truncate(position);
  }
  return position;
}

async function begin(file: SpoolFile): Promise<number> {
  await file.write(spoolMagic, 0, spoolMagic.length, 0);
  return spoolMagic.length;
}
