/** What a parser says of one run, in the order in which it became known. */
export type StubEvent =
  | ReadyEvent
  | StartedEvent
  | NoiseEvent
  | EndedEvent
  | ProtocolErrorEvent
  /** Output of the command, byte for byte. A view of the chunk that was fed wherever that is possible. */
  | { kind: 'stdout' | 'stderr'; bytes: Uint8Array };

/** The stub's text has arrived whole and runs: control lines may be sent from now on. */
export interface ReadyEvent {
  kind: 'ready';
}

/** The command is being started. */
export interface StartedEvent {
  kind: 'started';
  /** Process id of the command on the host. */
  pid: number;
  /** Whether it has a session of its own; without one (no `setsid` on the host) a kill reaches less, and says so. */
  ownSession: boolean;
}

/** What the account's start files wrote before the stub began, once per stream that had any. */
export interface NoiseEvent {
  kind: 'noise';
  stream: 'stdout' | 'stderr';
  /** The first bytes of it. */
  bytes: Uint8Array;
  /** How many bytes followed that aren't kept. */
  droppedBytes: number;
}

/** Why the stub ended the command. */
export type StopCause =
  | 'timeout'
  /** `encodeTerminate` was received. */
  | 'terminate'
  /** `encodeKill` was received. */
  | 'kill'
  /** stdin ended: the connection is closed. */
  | 'closed'
  /** No heartbeat for the silence limit. */
  | 'silence'
  /** The stub itself got HUP or TERM, or its main shell died. */
  | 'stub-signalled'
  /** The host has no usable `sleep`, so nothing could be timed. */
  | 'no-timer';

/** How the command ended, as far as the host's shell can tell. */
export type CommandExit =
  | {
      kind: 'exited';
      /** 0 to 255; 127 not found, 126 not executable. */
      exitCode: number;
      /** True when the host's shell can't tell this status above 128 from a death by signal `exitCode - 128`. */
      ambiguous: boolean;
    }
  | { kind: 'signalled'; signal: string }
  /** The stub had to leave before the command did, or its main shell was killed. */
  | { kind: 'unknown' };

/** The end: no further event follows. All of the command's output on both streams has been passed on before. */
export interface EndedEvent {
  kind: 'ended';
  exit: CommandExit;
  /** Set when the stub ended the command, or tried to. */
  stopCause?: StopCause;
  /** `stopCause` is `timeout`. */
  timedOut: boolean;
  /** `stopCause` is set. */
  killed: boolean;
  /** Killed, and a scan afterwards found no living process of its session. Always false where the host allows no such scan. */
  killConfirmed: boolean;
  /** Processes were left behind: in the command's process group after its own end, or in its session after a kill. */
  leftovers: boolean;
}

/** The streams can't be from a stub of ours, or were cut: what the command did isn't known. No further event follows. */
export interface ProtocolErrorEvent {
  kind: 'protocol-error';
  code:
    /** The streams ended before the stub began: no shell, a refused account, a start file that exits. */
    | 'never-ready'
    /** The streams ended after the stub began, without its end frames. */
    | 'cut'
    | 'malformed-frame'
    | 'too-much-noise';
  message: string;
}
