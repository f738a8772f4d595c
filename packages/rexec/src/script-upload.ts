/**
 * Writes the job's script from the worker's disk to a host.
 *
 * 1. Memory stays flat: a piece is read when the host's window has taken the one before.
 * 2. Not a byte more than was announced goes out, whatever happens to the file meanwhile.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Clock } from '@pogo/lifecycle';
import type { ExecChannel } from './transport/transport.js';

const pieceBytes = 64 * 1024;

export interface ScriptUploadOptions {
  readonly file: string;
  readonly bytes: number;
  readonly offset: number;
  readonly channel: ExecChannel;
  readonly clock: Clock;
  /** Longest time without a piece being taken. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** From now on the host may have all of it, whatever the outcome is. */
  readonly onLastPiece: () => void;
}

export type ScriptUploadOutcome =
  | { readonly ok: true }
  /** `detail`: a clause. */
  | { readonly ok: false; readonly detail: string };

export async function uploadScript(options: ScriptUploadOptions): Promise<ScriptUploadOutcome> {
  const { file, bytes, offset, signal, onLastPiece } = options;
  if (offset >= bytes) onLastPiece();
  const opened = await open(file, 'r').catch((error: unknown) => codeOf(error));
  if (typeof opened === 'string') return { ok: false, detail: `the worker cannot read it (${opened})` };
  try {
    const buffer = Buffer.allocUnsafe(pieceBytes);
    for (let position = offset; position < bytes;) {
      const wanted = Math.min(pieceBytes, bytes - position);
      const { bytesRead } = await opened.read(buffer, 0, wanted, position);
      if (bytesRead === 0) return { ok: false, detail: "the worker's copy is too short" };
      if (signal.aborted) return { ok: false, detail: 'it was broken off' };
      if (position + bytesRead === bytes) onLastPiece();
      // The channel may keep a view until the piece is on the wire, and says so by resolving.
      const taken = await sendPiece(options, buffer.subarray(0, bytesRead));
      if (!taken) return { ok: false, detail: `the host took ${position} of ${bytes} bytes` };
      position += bytesRead;
    }
    return { ok: true };
  } catch (error) {
    return { ok: false, detail: `the worker cannot read it (${codeOf(error)})` };
  } finally {
    await opened.close();
  }
}

/** False when the channel is gone, or took nothing for too long, or the signal aborted. */
function sendPiece(
  { channel, clock, stallMs, signal }: ScriptUploadOptions,
  piece: Buffer,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (taken: boolean) => {
      stall.cancel();
      signal.removeEventListener('abort', abort);
      resolve(taken);
    };
    const abort = () => settle(false);
    const stall = clock.setTimer(stallMs, abort);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) settle(false);
    else void channel.send(piece).then(settle);
  });
}

/** SHA-256 and size of the script as it lies on the worker, or why it can't be read. */
export async function measureScript(
  file: string,
): Promise<{ readonly sha256: string; readonly bytes: number } | string> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    return codeOf(error);
  }
  return { sha256: hash.digest('hex'), bytes };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
