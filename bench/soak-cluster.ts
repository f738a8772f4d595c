/** The cluster of a soak: the built `pogo up` with a home of its own, `pogo` commands against it, and its API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeOf } from './process-tree.js';
import type { HeapFigures } from './soak-memory.js';

export type Role = 'up' | 'dispatcher' | 'worker' | 'rexec';

export interface CommandResult {
  exitCode: number | null;
  stdout: string;
  /** Of stdout, whatever was kept of it. */
  stdoutBytes: number;
  stderr: string;
}

export interface SoakCluster {
  readonly pid: number;
  /** Runs `pogo ARGS…`; of its output the first `keptBytes` are kept, 256 KiB by default. */
  run(args: readonly string[], keptBytes?: number): Promise<CommandResult>;
  spawn(args: readonly string[]): ChildProcess;
  /** `GET path` of the API. */
  get(path: string): Promise<unknown>;
  processes(): { pid: number; role: Role }[];
  /** As the daemon itself last said, in bytes; undefined for processes that aren't asked. */
  heap(pid: number): HeapFigures | undefined;
  /**
   * What is alive in a daemon's heap, in bytes: after a collection. Not by a heap snapshot, which leaves hundreds of megabytes with
   * the process that nothing is in any more.
   */
  liveHeapBytes(pid: number): Promise<number>;
  stop(): Promise<void>;
}

export interface SoakClusterOptions {
  cli: string;
  /** Existing, private; all files of the cluster go there. */
  directory: string;
  /** The bundled `soak-heap-probe.js`. */
  heapProbe: string;
}

export async function startSoakCluster({
  cli,
  directory,
  heapProbe,
}: SoakClusterOptions): Promise<SoakCluster> {
  const heaps = join(directory, 'heap');
  mkdirSync(heaps);
  const home = join(directory, 'home');
  const environment = { PATH: process.env['PATH'], HOME: directory, POGO_HOME: home, LANG: 'C.UTF-8' };
  const listen = ['--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0'];
  const up = spawn(process.execPath, [cli, 'up', ...listen], {
    env: {
      ...environment,
      SOAK_HEAP: heaps,
      // SIGUSR2 to a daemon leaves a heap snapshot, for finding out what grows.
      NODE_OPTIONS: `--import=${heapProbe} --heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${directory}`,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: up.stderr }).on('line', (line) => {
      said.push(line);
      if (line.startsWith('ready ')) resolve();
    });
    up.on('exit', (code) => reject(new Error(`pogo up ended with ${code}: ${said.join('\n')}`)));
  });
  up.removeAllListeners('exit');
  up.on('exit', (code) => process.stderr.write(`pogo up ended with ${code}: ${said.slice(-5).join('\n')}\n`));

  const spawnPogo = (args: readonly string[]) =>
    spawn(process.execPath, [cli, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const client = join(home, 'client');
  const profile = JSON.parse(readFileSync(join(client, 'profile.json'), 'utf8')) as {
    url: string;
    linkRoot: string;
  };
  const token = readFileSync(join(client, 'token'), 'utf8').trim();

  const heap = (pid: number): HeapFigures | undefined => {
    try {
      const figures = readFileSync(join(heaps, String(pid)), 'utf8')
        .split(' ')
        .map(Number);
      // It may just be being written.
      if (figures.length < 4) return undefined;
      const [heapBytes, youngBytes, oldBytes, externalBytes] = figures;
      return {
        heapBytes: heapBytes!,
        youngBytes: youngBytes!,
        oldBytes: oldBytes!,
        externalBytes: externalBytes!,
      };
    } catch {
      return undefined;
    }
  };
  return {
    pid: up.pid!,
    spawn: spawnPogo,
    async run(args, keptBytes = 256 * 1024) {
      const child = spawnPogo(args);
      const kept: Buffer[] = [];
      let [stderr, stdoutBytes] = ['', 0];
      child.stdout.on('data', (chunk: Buffer) => {
        if (stdoutBytes < keptBytes) kept.push(chunk);
        stdoutBytes += chunk.length;
      });
      child.stderr.on('data', (chunk: Buffer) => {
        if (stderr.length < keptBytes) stderr += chunk.toString();
      });
      const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
      return { exitCode, stdout: Buffer.concat(kept).toString(), stdoutBytes, stderr };
    },
    get: (path) =>
      new Promise((resolve, reject) => {
        const asked = request(
          `${profile.url}${path}`,
          {
            // A kept connection may be closed at the other end just when it is used again.
            agent: false,
            ca: profile.linkRoot,
            checkServerIdentity: () => undefined,
            headers: { authorization: `Bearer ${token}` },
          },
          (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => {
              const text = Buffer.concat(chunks).toString();
              if (answer.statusCode === 200) resolve(JSON.parse(text));
              else reject(new Error(`GET ${path}: ${answer.statusCode} ${text.slice(0, 500)}`));
            });
          },
        );
        asked.on('error', reject);
        asked.end();
      }),
    processes: () =>
      treeOf(up.pid!).flatMap((pid) => {
        const role = pid === up.pid ? 'up' : roleOf(pid);
        return role === undefined ? [] : [{ pid, role }];
      }),
    heap,
    async liveHeapBytes(pid) {
      const wish = join(heaps, `${pid}.collect`);
      writeFileSync(wish, '');
      while (existsSync(wish)) await sleep(100);
      return heap(pid)?.heapBytes ?? NaN;
    },
    async stop() {
      up.removeAllListeners('exit');
      const ended = new Promise((resolve) => up.on('exit', resolve));
      up.kill('SIGTERM');
      await ended;
    },
  };
}

function roleOf(pid: number): Role | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    // A shell on the way to the program names it too.
    if (!/(^|\/)node$/.test(words[0] ?? '')) return undefined;
    const program = words.map((word) => /(?:^|\/)pogo-(dispatcher|worker|rexec)\.js$/.exec(word)?.[1]);
    return program.find((name) => name !== undefined) as Role | undefined;
  } catch {
    return undefined;
  }
}
