/**
 * The file of `-f`: measured and hashed before the job is planned, read once more when it is uploaded.
 *
 * 1. Memory stays flat whatever its size: it is read by the piece, both times.
 * 2. What is uploaded is what was hashed: a file that changed in between is refused before its last byte leaves.
 */
import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from '@pogo/protocol';
import { type Failure, type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';

/** What travels with a job at most; the protocol's own limit, repeated so that its schemas need not be loaded for it. */
const maxScriptBytes = 100 * 1024 * 1024;
const pieceBytes = 256 * 1024;

export interface ScriptFile {
  /** As the user named it. */
  readonly path: string;
  /** What it is called on the hosts. */
  readonly name: string;
  /** SHA-256 in lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Opens, measures and hashes the file. */
export async function readScriptFile(path: string): Promise<Result<ScriptFile>> {
  const opened = await openRegular(path);
  if (!opened.ok) return opened;
  const { file, bytes } = opened.value;
  try {
    const hash = createHash('sha256');
    let read = 0;
    for await (const piece of pieces(file)) {
      read += piece.length;
      if (read > bytes) break;
      hash.update(piece);
    }
    if (read !== bytes) return changed(path);
    return success({ path, name: nameOnHosts(path), sha256: hash.digest('hex'), bytes });
  } catch (error) {
    return unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** The job's command that runs the file with these arguments. */
export function scriptCommand(
  { name, sha256, bytes }: ScriptFile,
  args: readonly string[],
): Extract<Command, { kind: 'script' }> {
  return { kind: 'script', name, sha256, bytes, args: [...args] };
}

/** The file turned out to be another one while it was read; the failure says what to do. */
export class ScriptChanged extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'ScriptChanged';
    this.failure = failure;
  }
}

/**
 * The bytes from `offset` on, as they were hashed; each piece is overwritten once another is asked for. Throws {@link ScriptChanged} where they aren't any more, always before
 * the last piece.
 */
export async function* scriptBytes(script: ScriptFile, offset: number): AsyncGenerator<Buffer> {
  const opened = await openRegular(script.path);
  if (!opened.ok) throw new ScriptChanged(opened.failure);
  const { file } = opened.value;
  const changes = () => new ScriptChanged(changed(script.path).failure);
  try {
    if (opened.value.bytes !== script.bytes) throw changes();
    const hash = createHash('sha256');
    let position = 0;
    let held: Buffer | undefined;
    for await (const piece of pieces(file)) {
      if (position + piece.length > script.bytes) throw changes();
      hash.update(piece);
      const fresh = piece.subarray(Math.max(0, Math.min(piece.length, offset - position)));
      position += piece.length;
      if (fresh.length === 0) continue;
      if (held !== undefined) yield held;
      held = fresh;
    }
    if (position !== script.bytes || hash.digest('hex') !== script.sha256) throw changes();
    if (held !== undefined) yield held;
  } catch (error) {
    if (error instanceof ScriptChanged) throw error;
    throw new ScriptChanged(unreadable(script.path, error).failure);
  } finally {
    await file.close();
  }
}

async function openRegular(path: string): Promise<Result<{ file: FileHandle; bytes: number }>> {
  let file;
  try {
    // A pipe without a writer would hold up a plain open.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return unreadable(path, error);
  }
  const refuse = async (code: string, message: string) => {
    await file.close();
    return usageFailure(code, message);
  };
  try {
    const stat = await file.stat();
    if (stat.isDirectory())
      return await refuse('unreadable-file', `script ${path}: it is a directory: name a file`);
    if (!stat.isFile()) {
      return await refuse(
        'unreadable-file',
        `script ${path}: it is no regular file, and is read twice: write it to one first`,
      );
    }
    if (stat.size > maxScriptBytes) {
      return await refuse(
        'script-too-large',
        `script ${path} has ${stat.size} bytes, and at most ${maxScriptBytes} (100 MiB) travel with a job: let the hosts fetch the rest themselves`,
      );
    }
    if (stat.size === 0)
      return await refuse('script-empty', `script ${path} is empty: there is nothing to run`);
    return success({ file, bytes: stat.size });
  } catch (error) {
    return refuse('unreadable-file', `script ${path}: ${systemErrorText(error)}`);
  }
}

/** Two buffers in turn: a piece stays as it is until the one after the next is asked for. */
async function* pieces(file: FileHandle): AsyncGenerator<Buffer> {
  let [buffer, other] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, pieceBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
    [buffer, other] = [other, buffer];
  }
}

/** The file's own name, with `_` for what hosts need not take in a name. */
function nameOnHosts(path: string): string {
  const name = basename(path)
    .replace(/[^A-Za-z0-9._+@%-]/g, '_')
    .replace(/^[.-]/, '_')
    .slice(0, 128);
  return name === '' ? 'script' : name;
}

function unreadable(path: string, error: unknown) {
  return usageFailure('unreadable-file', `script ${path}: ${systemErrorText(error)}`);
}

function changed(path: string) {
  return usageFailure(
    'script-changed',
    `script ${path} changed while it was read: run it again once nobody writes to it`,
  );
}
