import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles a child of this folder into `directory`, so that plain Node runs it; returns the file. */
export async function bundleStoreUser(directory: string, name = 'store-user'): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  const classicLevel = createRequire(import.meta.url).resolve('classic-level');
  await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'warning',
    plugins: [
      {
        name: 'native-package',
        setup(setup) {
          setup.onResolve({ filter: /^classic-level$/ }, () => ({ path: classicLevel, external: true }));
        },
      },
    ],
  });
  return outfile;
}

/** A child whose lines are read one by one. */
export class StoreUser {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;
  #errors = '';

  /** `wrapper` is a command in front of Node, such as a tracer. */
  constructor(bundle: string, options: { arguments: string[]; wrapper?: string[] }) {
    const [program = process.execPath, ...rest] = [
      ...(options.wrapper ?? []),
      process.execPath,
      bundle,
      ...options.arguments,
    ];
    this.process = spawn(program, rest, { stdio: 'pipe' });
    this.#exited = once(this.process, 'close');
    this.process.stderr?.on('data', (data) => (this.#errors += String(data)));
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line; fails with what is on stderr when there is none any more. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`the child has ended: ${this.#errors}`);
    return next.value;
  }

  /** Reads up to and including the first line that begins with `start`; all lines read. */
  async linesUntil(start: string): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      lines.push(line);
      if (line.startsWith(start)) return lines;
    }
  }

  /** All lines that are left. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next())
      lines.push(next.value);
    return lines;
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /** Ends its input, and waits until it is gone. */
  async end(): Promise<void> {
    this.process.stdin?.end();
    await this.#exited;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#exited;
  }
}
