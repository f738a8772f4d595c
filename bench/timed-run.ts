/** One run of one command: wall time, CPU time, and in a run of its own the peak of its memory. */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { machineSeconds, pssBytes } from './process-tree.js';

export interface RunFigures {
  exitCode: number | null;
  wallSeconds: number;
  /** User and system time of the command and all it waited for. */
  cpuSeconds: number;
  /** What all cores did meanwhile, the hosts' part included. */
  machine: { busy: number; idle: number };
  /** For `pogo run`: CPU time by part. */
  parts?: Record<'client' | 'dispatcher' | 'worker' | 'rexec', number>;
  /** The command's output, for checking that it did what it claims. */
  stdout: string;
  stderr: string;
}

/** Runs `argv` to its end under bash's `times`, which sums up all descendants that were waited for. */
export async function timedRun(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<RunFigures> {
  const script = '"$@"; code=$?; times >&3; exit $code';
  const before = machineSeconds();
  const startedMs = performance.now();
  const child = spawn('bash', ['-c', script, 'bash', ...argv], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const texts = [1, 2, 3].map(() => '');
  [child.stdout, child.stderr, child.stdio[3]].forEach((stream, index) => {
    stream!.on('data', (chunk: Buffer) => (texts[index] += chunk.toString()));
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const after = machineSeconds();
  // Second line: user and system time of the children, as `0m1.234s 0m0.456s`.
  const children = texts[2]!.trim().split('\n')[1] ?? '';
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
  const machine = { busy: after.busy - before.busy, idle: after.idle - before.idle };
  return { exitCode, wallSeconds, cpuSeconds, machine, stdout: texts[0]!, stderr: texts[1]! };
}

/** Peak summed PSS of `argv` (and of `others`, already running) while it runs; sampled, so in a run that isn't timed. */
export async function peakMemoryBytes(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
  others: readonly number[],
): Promise<number> {
  const child = spawn(argv[0]!, argv.slice(1), { env: environment, stdio: 'ignore' });
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, pssBytes([...others, ...(child.pid === undefined ? [] : [child.pid])]));
  }, 50);
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(sampler);
  return peak;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
