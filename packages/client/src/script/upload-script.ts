/**
 * Brings a job's script to the dispatcher before the job: only what it lacks, from where an earlier try stopped. Called
 * once the plan was checked, so that nothing is uploaded for a job that would not be made.
 */
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import type { Dispatcher } from '../api/dispatcher.js';
import { exitCodes, failed, type Failure, type Result, success } from '../failure.js';
import { scriptBytes, ScriptChanged, type ScriptFile } from './script-file.js';

export interface UploadOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: () => number;
  /** Stops it; what the dispatcher has by then it keeps for the next time. */
  readonly signal: AbortSignal;
  /** Told how many of the script's bytes have left, each time that changes. */
  onProgress?(sentBytes: number): void;
}

/** Tries in a row without a further byte taken. */
const maxTries = 6;
const backoff = { firstMs: 200, maxMs: 4000 };

export async function uploadScript(script: ScriptFile, options: UploadOptions): Promise<Result<undefined>> {
  const { dispatcher, clock, random, signal } = options;
  let bestBytes = -1;
  for (let tries = 0; ;) {
    const held = await dispatcher.attachmentBytes(script.sha256);
    if (held.ok && held.value >= script.bytes) return success(undefined);
    if (held.ok && held.value > bestBytes) {
      bestBytes = held.value;
      tries = 0;
    }
    const sent = held.ok ? await send(script, held.value, options) : held;
    if (sent.ok) return success(undefined);
    if (signal.aborted) return interrupted(script);
    if (!mayPass(sent.failure.code) || ++tries === maxTries) return sent;
    await delay(clock, backoffDelayMs(backoff, tries - 1, random()), signal);
    if (signal.aborted) return interrupted(script);
  }
}

function interrupted(script: ScriptFile): Result<never> {
  return failed({
    code: 'interrupted',
    message: `stopped while ${script.path} was uploaded, and no job was made: the same command goes on from there`,
    exitCode: exitCodes.interrupted,
  });
}

/** A broken connection, or somebody else who uploads the same script and is further on. */
function mayPass(code: string): boolean {
  return ['dispatcher-unreachable', 'range-not-satisfiable', 'not-ready', 'leader-broke-off'].includes(code);
}

async function send(
  script: ScriptFile,
  from: number,
  { dispatcher, onProgress, signal }: UploadOptions,
): Promise<Result<undefined>> {
  let changed: Failure | undefined;
  const bytes = async function* () {
    let sent = from;
    try {
      for await (const piece of scriptBytes(script, from)) {
        yield piece;
        sent += piece.length;
        onProgress?.(sent);
      }
    } catch (error) {
      if (error instanceof ScriptChanged) changed = error.failure;
      throw error;
    }
  };
  const put = await dispatcher.putAttachment(script.sha256, {
    from,
    totalBytes: script.bytes,
    bytes: bytes(),
    signal,
  });
  if (changed !== undefined) return failed(changed);
  if (!put.ok) return put;
  if (put.value.complete) return success(undefined);
  return failed({
    code: 'upload-incomplete',
    message: `the dispatcher took ${put.value.bytes} of the ${script.bytes} bytes of ${script.path} and calls that not all: run it again`,
    exitCode: exitCodes.error,
  });
}
