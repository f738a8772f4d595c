/** The `pogo` command as a process, built once per test file into a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { homeLayout } from '@pogo/protocol';
import { build } from 'esbuild';
import type { TestInstance } from './certificates.js';

export interface Finished {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  /** Resolves once stderr has that text. */
  says(text: string): Promise<void>;
  ended: Promise<Finished>;
}

export interface RunOptions {
  env?: Record<string, string>;
  stdin?: string;
  cwd?: string;
}

export class PogoFixture {
  readonly directory: string;
  readonly home: string;
  /** Path of the built command, for Node. */
  readonly program: string;

  private constructor(directory: string, program: string) {
    this.directory = directory;
    this.home = join(directory, 'home');
    this.program = program;
  }

  static async build(): Promise<PogoFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'pogo-client-'));
    const entry = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src', 'main.ts');
    const outdir = join(directory, 'program');
    await build({
      entryPoints: [{ in: entry, out: 'pogo' }],
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      banner: {
        js: "import { createRequire as __r } from 'node:module';\nconst require = __r(import.meta.url);",
      },
      logLevel: 'error',
    });
    return new PogoFixture(directory, join(outdir, 'pogo.mjs'));
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Writes the profile of a dispatcher, as `pogo up` leaves it. */
  async connect(
    url: string,
    instance: Pick<TestInstance, 'linkRoot' | 'sealingRoot'>,
    token: string,
  ): Promise<void> {
    const { client } = homeLayout(this.home);
    await mkdir(client.dir, { recursive: true, mode: 0o700 });
    const profile = {
      version: 1,
      url,
      linkRoot: instance.linkRoot.certificate,
      sealingRoot: instance.sealingRoot.certificate,
    };
    await writeFile(client.profile, JSON.stringify(profile), { mode: 0o600 });
    await writeFile(client.token, `${token}\n`, { mode: 0o600 });
  }

  /** Writes a file below the fixture's directory; the answer is its path. */
  async file(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
    const path = join(this.directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode });
    await chmod(path, mode);
    return path;
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    const child = spawn(process.execPath, [this.program, ...args], {
      cwd: options.cwd ?? this.directory,
      env: { PATH: process.env['PATH'], HOME: this.directory, POGO_HOME: this.home, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
    const stdout: Buffer[] = [];
    let stderr = '';
    const waiting = new Set<{ text: string; resolve: () => void }>();
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
      for (const one of waiting) if (stderr.includes(one.text)) one.resolve();
    });
    return {
      child,
      says: (text) =>
        stderr.includes(text) ? Promise.resolve() : new Promise((resolve) => waiting.add({ text, resolve })),
      ended: new Promise((resolve) =>
        child.once('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr })),
      ),
    };
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.start(args, options).ended;
  }
}
