/**
 * Runs an inventory program, and takes what it prints.
 *
 * 1. It leads a process group of its own, which is ended when the program ends, when its time is over, when it prints too
 *    much, and when we are told to stop.
 * 2. It gets no input, and what it says on stderr is kept in short for the case that it fails.
 */
import { spawn } from 'node:child_process';
import type { Environment, Signal } from '../environment.js';
import { systemErrorText } from '../system-error.js';

export interface ProgramCall {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly timeoutMs: number;
  /** Most bytes that it may print. */
  readonly maxBytes: number;
}

export type ProgramEnd =
  | { readonly kind: 'printed'; readonly output: Buffer }
  /** What went wrong in a few words: `it ended with status 3`; and what it said. */
  | { readonly kind: 'failed'; readonly cause: string; readonly said: string }
  /** We were told to stop. */
  | { readonly kind: 'interrupted' };

const saidBytes = 4096;
/** How long to wait for the end of output after the end of the program, whose children may have left its group. */
const closingMs = 1000;

export function runProgram(environment: Environment, call: ProgramCall): Promise<ProgramEnd> {
  const { clock } = environment;
  const [program = '', ...args] = call.argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: call.directory,
      env: { ...environment.variables },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const printed: Buffer[] = [];
    let bytes = 0;
    let said = Buffer.alloc(0);
    /** Why it was ended before its own end. */
    let ended: { cause: string } | 'interrupted' | undefined;
    const endGroup = () => {
      if (child.pid !== undefined) environment.killProcessGroup(child.pid);
    };
    const endBecause = (cause: NonNullable<typeof ended>) => {
      ended ??= cause;
      endGroup();
    };
    const timer = clock.setTimer(call.timeoutMs, () =>
      endBecause({ cause: `it took more than ${call.timeoutMs / 1000} s` }),
    );
    const releases = (['SIGINT', 'SIGTERM', 'SIGHUP'] satisfies Signal[]).map((signal) =>
      environment.onSignal(signal, () => endBecause('interrupted')),
    );
    let closing: ReturnType<typeof clock.setTimer> | undefined;
    const finish = (end: ProgramEnd) => {
      timer.cancel();
      closing?.cancel();
      for (const release of releases) release();
      resolve(ended === 'interrupted' ? { kind: 'interrupted' } : end);
    };
    const saidText = () => said.toString('utf8').trim();
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > call.maxBytes) endBecause({ cause: `it printed more than ${call.maxBytes} bytes` });
      else printed.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => (said = Buffer.concat([said, chunk]).subarray(-saidBytes)));
    child.once('error', (error) => finish({ kind: 'failed', cause: systemErrorText(error), said: '' }));
    child.once('exit', () => {
      endGroup();
      closing = clock.setTimer(closingMs, () => {
        child.stdout.destroy();
        child.stderr.destroy();
      });
    });
    child.once('close', (code, signal) => {
      if (ended !== undefined && ended !== 'interrupted')
        finish({ kind: 'failed', cause: ended.cause, said: saidText() });
      else if (code === 0) finish({ kind: 'printed', output: Buffer.concat(printed) });
      else {
        const cause = signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`;
        finish({ kind: 'failed', cause, said: saidText() });
      }
    });
  });
}
