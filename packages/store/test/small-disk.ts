/**
 * A file system of a few megabytes, in a mount namespace of its own: only what is started through it sees it, and it is
 * gone with the last of its processes. As root, or with user namespaces without.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

export class SmallDisk {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #holder: ChildProcess;
  readonly #isRoot: boolean;

  private constructor(directory: string, holder: ChildProcess, isRoot: boolean) {
    this.directory = directory;
    this.#holder = holder;
    this.#isRoot = isRoot;
  }

  /** Mounts it over `directory`, which exists. Sizes as mount(8) takes them, such as `3m`. */
  static async mount(directory: string, size: string): Promise<SmallDisk> {
    const isRoot = process.getuid?.() === 0;
    const mount = 'mount -t tmpfs -o "size=$2" none "$1" && echo mounted && exec cat';
    const holder = spawn(
      'unshare',
      [...(isRoot ? [] : ['--user', '--map-root-user']), '--mount', 'sh', '-c', mount, 'sh', directory, size],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const disk = new SmallDisk(directory, holder, isRoot);
    const lines = createInterface({ input: holder.stdout! })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.value === 'mounted') return disk;
    await disk.remove();
    throw new Error('could not mount a file system: root or user namespaces are needed');
  }

  /** The command in front of a program that is to see it. */
  get wrapper(): string[] {
    const user = this.#isRoot ? [] : ['--user', '--preserve-credentials'];
    return ['nsenter', `--target=${this.#holder.pid}`, ...user, '--mount'];
  }

  /** With other options of mount(8): `size=16m`, `ro`, `rw`. */
  async remount(options: string): Promise<void> {
    const [program = '', ...rest] = [...this.wrapper, 'mount', '-o', `remount,${options}`, this.directory];
    await run(program, rest);
  }

  /** Once nothing else runs in it, it is gone. */
  async remove(): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    const ended = once(this.#holder, 'close');
    this.#holder.stdin?.end();
    await ended;
  }
}
