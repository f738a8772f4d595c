import { spawn } from 'node:child_process';

export interface CommandOptions {
  /** Written to the command's stdin, which is then closed; otherwise stdin is /dev/null. */
  stdin?: string | Buffer;
  /** The whole environment; inherited when absent. */
  env?: Record<string, string>;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Ends the command with SIGKILL when it aborts. */
  signal?: AbortSignal;
}

export interface CommandResult {
  /** null when a signal ended the command. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end and collects what it wrote. Any exit status is a result; only a program that can't be
 * started rejects.
 */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { stdin, signal, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...rest,
      ...(signal ? { signal, killSignal: 'SIGKILL' as const } : {}),
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) => {
      // An abort kills the child, and its end is the result.
      if (!signal?.aborted) reject(error);
    });
    child.on('close', (exitCode, endSignal) => {
      resolve({
        exitCode,
        signal: endSignal,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    });
    if (stdin !== undefined) {
      // A program that ends without reading its stdin is no error of ours.
      child.stdin!.on('error', () => undefined);
      child.stdin!.end(stdin);
    }
  });
}

/** Like `runCommand`, for commands of the fixtures themselves: anything but exit status 0 rejects with its stderr. */
export async function mustRun(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(file, args, options);
  if (result.exitCode !== 0) {
    const how = result.signal ?? `exit status ${result.exitCode}`;
    throw new Error(`${file} ${args.join(' ')} failed (${how}): ${result.stderr || result.stdout}`);
  }
  return result.stdout;
}
