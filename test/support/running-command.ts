/** A `pogo` command that still runs: what it has said so far, and its end. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface RunningCommand {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves once stdout holds what is looked for; rejects if the command ends before. */
  untilStdout(found: RegExp): Promise<void>;
  untilStderr(found: RegExp): Promise<void>;
  readonly ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
}

export function follow(child: ChildProcess): RunningCommand {
  const said = { stdout: '', stderr: '' };
  const looks = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.on('data', (chunk: Buffer) => {
      said[stream] += chunk.toString('utf8');
      for (const look of looks) look();
    });
  }
  const ended = once(child, 'close').then(([exitCode, signal]) => ({
    exitCode: exitCode as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const until = (stream: 'stdout' | 'stderr', found: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!found.test(said[stream])) return false;
        looks.delete(look);
        resolve();
        return true;
      };
      if (look()) return;
      looks.add(look);
      void ended.then(({ exitCode }) => {
        if (!looks.has(look)) return;
        looks.delete(look);
        reject(new Error(`it ended (${exitCode}) without ${String(found)}:\n${said.stdout}\n${said.stderr}`));
      });
    });
  return {
    child,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    untilStdout: (found) => until('stdout', found),
    untilStderr: (found) => until('stderr', found),
    ended,
  };
}

/** `p0000000012`, which `pogo run` says first of all. */
export async function jobOf(command: RunningCommand): Promise<string> {
  await command.untilStderr(/^job p\d{10} /);
  return /^job (p\d{10}) /.exec(command.stderr())![1]!;
}
