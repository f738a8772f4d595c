import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@pogo/lifecycle';

/** Where input comes from. */
export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

/** Where output goes. */
export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  /** Width of the terminal in characters. */
  readonly columns?: number;
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What the process gives to a command: made in main.ts, which alone touches `process`. */
export interface Environment {
  /** Without the program's own name. */
  readonly arguments: readonly string[];
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  readonly homeDirectory: string;
  /** Name of the account that runs the client. */
  readonly userName: string;
  readonly processId: number;
  /** Path of Node itself. */
  readonly node: string;
  /** Path of the running bundle: the other programs lie beside its package. */
  readonly program: string;
  /** Calls the listener instead of ending the process, until the returned function is called. */
  onSignal(signal: Signal, listener: () => void): () => void;
  processIsAlive(processId: number): boolean;
  /** Ends a process that leads a group of its own, and all that is left of that group; does nothing where nobody is. */
  killProcessGroup(processId: number): void;
  /** In [0, 1), for waits. */
  random(): number;
  /** A fresh random identifier. */
  uniqueId(): string;
}
