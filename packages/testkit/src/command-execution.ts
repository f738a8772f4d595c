import type { Readable, Writable } from 'node:stream';

/** A command that a client asked the practice host to run, with the channel's three streams. */
export interface CommandRequest {
  command: string;
  /** What the client and the connection add to the environment. */
  environment: Record<string, string>;
  /** Private directory of the host that was dialled: HOME, and the working directory. */
  home: string;
  /** Ends when the client sends its end of file. */
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** Called once, as soon as the command is over; output may still follow. */
  onExit(end: CommandEnd): void;
}

/** A signal's name has no `SIG` in front, as on the wire. */
export type CommandEnd = { kind: 'status'; status: number } | { kind: 'signal'; signal: string };

/** A command that was started. */
export interface CommandExecution {
  /** Delivers a signal, as the client's `signal` request asks; the name has no `SIG` in front. */
  signal(name: string): void;
  /** The channel is gone: nobody reads or writes any more. */
  hangUp(): void;
  /** Resolves when the command is over and its output has been read to the end. */
  readonly done: Promise<void>;
}

/**
 * How a practice host runs commands. `localShell` really runs them; a script that only acts them out, for thousands
 * of hosts, would be another.
 */
export interface CommandExecutor {
  execute(request: CommandRequest): CommandExecution;
  /** Resolves when nothing of any command runs any more, by force if need be. */
  stop(): Promise<void>;
}
