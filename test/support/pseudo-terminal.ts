/** Runs a command on a pseudo-terminal of its own, through script(1), and talks to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface TerminalCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface TerminalResult {
  readonly exitCode: number | null;
  /** All that was shown, stdout and stderr alike, with the terminal's line ends. */
  readonly shown: string;
}

/** Types each answer once its prompt has been shown, in this order. */
export async function runOnTerminal(
  command: TerminalCommand,
  answers: readonly { readonly prompt: RegExp; readonly answer: string }[] = [],
): Promise<TerminalResult> {
  const line = [command.file, ...command.args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-q', '-e', '-f', '-c', line, '/dev/null'], {
    env: { ...command.env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let from = 0;
  const left = [...answers];
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('utf8');
    const next = left[0];
    if (next === undefined || !next.prompt.test(shown.slice(from))) return;
    left.shift();
    from = shown.length;
    child.stdin.write(next.answer);
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, shown };
}
