/**
 * One `pogo up` per directory: a lock file that names the process, and when it started, so that another process with the
 * same number isn't taken for it.
 */
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { errorCode } from '../system-error.js';

interface Holder {
  readonly processId: number;
  /** In clock ticks since the machine booted; null where the system doesn't tell. */
  readonly startedTicks: number | null;
}

export interface UpLock {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly path: string;
  readonly processId: number;
  processIsAlive(processId: number): boolean;
  /** Unique name part for temporary files. */
  readonly uniqueId: string;
}

export async function takeUpLock(options: LockOptions): Promise<Result<UpLock>> {
  const { path, processId, uniqueId } = options;
  const own = `${path}.${uniqueId}`;
  const content = JSON.stringify({ processId, startedTicks: await startedTicks(processId) } satisfies Holder);
  await writeFile(own, `${content}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // The second round is for a lock that was stale and has been moved away.
    for (let round = 0; round < 2; round++) {
      if (await linked(own, path)) return success({ release: () => release(path, processId) });
      const text = await readIfThere(path);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (holder !== undefined && (await isRunning(holder, options)))
        return alreadyRunning(path, holder.processId);
      await moveAway(path, text, `${own}.stale`);
    }
  } finally {
    await unlink(own);
  }
  const holder = parseHolder((await readIfThere(path)) ?? '');
  return alreadyRunning(path, holder?.processId);
}

function alreadyRunning(path: string, processId: number | undefined): Result<never> {
  const who = processId === undefined ? 'another process' : `process ${processId}`;
  return failed({
    code: 'already-running',
    message: `${who} runs \`pogo up\` on this directory already (${path}): stop it first, or give another directory with --home`,
    exitCode: exitCodes.error,
  });
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a stale lock away; one that somebody took in the meantime is put back. */
async function moveAway(path: string, staleText: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readIfThere(aside)) !== staleText) await linked(aside, path);
  await unlink(aside);
}

async function release(path: string, processId: number): Promise<void> {
  const holder = parseHolder((await readIfThere(path)) ?? '');
  if (holder?.processId === processId) await unlink(path);
}

async function isRunning(holder: Holder, { processId, processIsAlive }: LockOptions): Promise<boolean> {
  if (holder.processId === processId || !processIsAlive(holder.processId)) return false;
  if (holder.startedTicks === null) return true;
  const ticks = await startedTicks(holder.processId);
  return ticks === null || ticks === holder.startedTicks;
}

/** Field 22 of /proc/PID/stat. */
async function startedTicks(processId: number): Promise<number | null> {
  const stat = await readIfThere(`/proc/${processId}/stat`);
  if (stat === undefined) return null;
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isSafeInteger(ticks) ? ticks : null;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== 'object' || !('processId' in value)) return undefined;
    const { processId, startedTicks = null } = value as { processId: unknown; startedTicks?: unknown };
    if (typeof processId !== 'number' || !Number.isSafeInteger(processId) || processId <= 0) return undefined;
    return { processId, startedTicks: typeof startedTicks === 'number' ? startedTicks : null };
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes(errorCode(error))) return undefined;
    throw error;
  }
}
