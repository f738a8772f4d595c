/**
 * Real pipes for a child's standard streams. Node gives children socket pairs, which differ where it shows: opening
 * `/dev/stderr` or `/dev/stdin` fails on a socket, and sshd gives pipes. Node has no call for pipe(2), so these are
 * named pipes that lose their name as soon as they are open.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

const batch = 48;

/** A pipe into or out of a child that is about to be started. */
export interface ChildPipe {
  /** For `stdio` of spawn; call `release` right after that. */
  readonly childEnd: number;
  readonly stream: Socket;
  /** Closes our copy of the child's end. */
  release(): void;
}

export class PipeMaker {
  readonly #directory: string;
  readonly #spare: string[] = [];
  #made = 0;

  constructor(parentDirectory: string) {
    this.#directory = mkdtempSync(join(parentDirectory, 'pipes-'));
  }

  /** A pipe that we write. Destroying the stream is the child's end of file. */
  toChild(): ChildPipe {
    const path = this.#take();
    // An end opens at once only if the other is open; one of ours, non-blocking, must be first.
    const opener = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const ours = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const childEnd = openSync(path, constants.O_RDONLY);
    closeSync(opener);
    unlinkSync(path);
    return {
      childEnd,
      stream: new Socket({ fd: ours, readable: false, writable: true }),
      release: () => closeSync(childEnd),
    };
  }

  /** A pipe that we read. */
  fromChild(): ChildPipe {
    const path = this.#take();
    const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const childEnd = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return {
      childEnd,
      stream: new Socket({ fd: ours, readable: true, writable: false }),
      release: () => closeSync(childEnd),
    };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #take(): string {
    if (this.#spare.length === 0) {
      for (let n = 0; n < batch; n++) this.#spare.push(join(this.#directory, String(++this.#made)));
      const { status, stderr } = spawnSync('mkfifo', ['-m', '600', ...this.#spare], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mkfifo failed: ${stderr}`);
    }
    return this.#spare.pop()!;
  }
}
