/**
 * Holds a process at a system call, so that a test can kill it exactly there: before the call has done anything, or
 * after it was done and before the process knows. A tracer (Debian's strace) does it from outside; no program of ours
 * has a switch for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { delay, systemClock } from '@pogo/lifecycle';

export interface HoldOptions {
  readonly pid: number;
  /** One of the calls below. */
  readonly call: keyof typeof callNumbers;
  /** Only calls on this file. */
  readonly path?: string;
  /** The how-manieth of them, from 1 on. */
  readonly nth: number;
  readonly at: 'entry' | 'exit';
}

/** x86-64, then 64-bit ARM. */
const callNumbers = {
  fdatasync: { x64: 75, arm64: 83 },
  connect: { x64: 42, arm64: 203 },
} as const;

/** Longer than any test waits: the process ends before. In microseconds, as strace wants it. */
const holdUs = 120_000_000;
const pollMs = 20;

export interface HeldProcess {
  /** Resolves to true once it is held; to false when `given` resolves before. */
  reached(given: Promise<unknown>): Promise<boolean>;
  /** Lets go of the process, if it still lives. */
  release(): Promise<void>;
}

/** Resolves when the tracer is attached. */
export async function holdProcess({ pid, call, path, nth, at }: HoldOptions): Promise<HeldProcess> {
  const number = callNumbers[call][process.arch as 'x64' | 'arm64'];
  const tracer = spawn(
    'strace',
    [
      ...['-f', '-p', String(pid), '-e', `trace=${call}`, '-e', 'signal=none'],
      ...(path === undefined ? [] : ['-P', path]),
      ...['-e', `inject=${call}:delay_${at === 'entry' ? 'enter' : 'exit'}=${holdUs}:when=${nth}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(tracer, 'close');
  await attached(tracer, ended);
  return {
    async reached(given) {
      const over = given.then(() => true);
      for (let stops = 0; stops < 5;) {
        stops = isStoppedIn(pid, number) ? stops + 1 : 0;
        // The kernel tells nobody that a process was stopped by somebody else's tracer: it is looked at.
        if (await Promise.race([over, delay(systemClock, pollMs).then(() => false)])) return false;
      }
      return true;
    },
    async release() {
      if (tracer.exitCode === null && tracer.signalCode === null) tracer.kill('SIGKILL');
      await ended;
    },
  };
}

async function attached(tracer: ChildProcess, ended: Promise<unknown>): Promise<void> {
  let said = '';
  const ready = new Promise<void>((resolve) => {
    tracer.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/attached/.test(said)) resolve();
    });
  });
  const early = ended.then(() => {
    throw new Error(`strace ended: ${said}`);
  });
  await Promise.race([ready, early]);
  early.catch(() => undefined);
}

/** Whether a thread of the process stands still in this call, at its tracer's will. */
function isStoppedIn(pid: number, number: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const directory = `/proc/${pid}/task/${thread}`;
      if (!/\) t /.test(readFileSync(`${directory}/stat`, 'utf8'))) return false;
      return readFileSync(`${directory}/syscall`, 'utf8').startsWith(`${number} `);
    });
  } catch {
    // The process, or one of its threads, has ended meanwhile.
    return false;
  }
}
