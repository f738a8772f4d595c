/** What a parser says of one run, in the order in which it became known. */
export type StubEvent =
  | ReadyEvent
  | SettledEvent
  | KeptEvent
  | SendEvent
  | ReceivedEvent
  | StartedEvent
  | StepEvent
  | NoiseEvent
  | EndedEvent
  | BusyEvent
  | FencedEvent
  | RefusedEvent
  | ProtocolErrorEvent
  /** Output of the command, byte for byte. A view of the chunk that was fed wherever that is possible. */
  | { kind: 'stdout' | 'stderr'; bytes: Uint8Array };

/** The stub's text has arrived whole and runs: control lines may be sent from now on. */
export interface ReadyEvent {
  kind: 'ready';
}

/** A part of a run that isn't the command itself. */
export interface StubStep {
  kind: 'prehook' | 'pre' | 'post' | 'posthook' | 'health';
  /** Of a hook: its file name, where that has only letters, digits and `.`, `_`, `+`, `-`. */
  hook?: string;
}

/** The command, or the step that comes first, is being started. */
export interface StartedEvent {
  kind: 'started';
  /** Absent: the command itself. */
  step?: StubStep;
  /** Process id on the host. */
  pid: number;
  /** Whether it has a session of its own; without one (no `setsid` on the host) a kill reaches less, and says so. */
  ownSession: boolean;
  /** Whether the host's lock is held: not without a claim, and not where the account can write nowhere, or there is no /proc. */
  lock: 'held' | 'none';
}

/** The next step, or another try, is being started. */
export interface StepEvent {
  kind: 'step';
  /** Absent: the command itself. */
  step?: StubStep;
}

/**
 * What became of an attempt, as far as the host can tell. A probe says this once, as its last event. A run says it, before `started`,
 * of each attempt that left something under the lock's key.
 */
export interface SettledEvent {
  kind: 'settled';
  job: number;
  attempt: number;
  index: number;
  found:
    /** It lives, or waits for the lock, also after `waitMs`. Only from probes. */
    | 'live'
    /** It is over: see `ended`. */
    | 'outcome'
    /** It left no trace, or one that shows that its stub is gone and never began the command. */
    | 'none';
  /**
   * With `outcome`: the end that it reported, or tried to. An unknown exit without a cause: the command was begun, nothing of it
   * lives, and nothing tells how it ended (all was killed, or the host restarted).
   */
  ended?: EndedEvent;
  /** With `none`: for how long the host has been up, where it says so. */
  uptimeSeconds?: number;
}

/** Somebody is attached to a run that outlives its connection: what follows is its channel, from where it was asked for. */
export interface KeptEvent {
  kind: 'kept';
  /** The run's own nonce. */
  run: string;
  /** Nothing of its output has gone yet: all can be had from the first piece on. */
  isWhole: boolean;
}

/** The script's bytes are due, from `offset` to its end, and nothing else until `received`. */
export interface SendEvent {
  kind: 'send';
  offset: number;
}

/** The script has arrived whole; control lines may be sent again. */
export interface ReceivedEvent {
  kind: 'received';
}

/** Who holds the lock. */
export interface ClaimHolder {
  index: number;
  /** Process id of its stub on the host. */
  pid: number;
  job: number;
  attempt: number;
}

/** Another attempt lives under the lock's key. The command never began, and no further event follows. */
export interface BusyEvent {
  kind: 'busy';
  /** Missing when it had only just come. */
  holder?: ClaimHolder;
  /** What ended the wait, if not its limit. */
  stopCause?: StopCause;
}

/** A fence forbids the command: it never began, and no further event follows. */
export interface FencedEvent {
  kind: 'fenced';
  /** The lowest index that the fence lets pass. */
  index: number;
}

export type RefusedCode =
  /** The channel was closed before the script had arrived whole. */
  | 'upload-cut'
  /** Nothing of the script came for the silence limit. */
  | 'upload-silent'
  /** The host's disk is full, or its limit for the account. */
  | 'upload-no-space'
  /** The account can write to none of the places where a script is put. */
  | 'upload-no-place'
  /** Files can be executed in none of those places, and the script names no interpreter. */
  | 'script-not-executable'
  /** The account can leave no fence that survives a restart of the host, or hold no lock. */
  | 'fence-impossible'
  /** The host can't keep a command's channel for it. */
  | 'keeper-impossible'
  /** What was to be attached to is not there: it is over, or the host was restarted. */
  | 'keeper-gone';

/** The stub can't do what it was told to do first. The command never began, and no further event follows. */
export interface RefusedEvent {
  kind: 'refused';
  code: RefusedCode;
  message: string;
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

/** How the command, or the step where the run ended, came to its end, as far as the host's shell can tell. */
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

/** The end of the command: no further event follows. All of the command's output on both streams has been passed on before. */
export interface EndedEvent {
  kind: 'ended';
  exit: CommandExit;
  /** Where it ended: exit and everything else are this step's. Absent: the command itself, or all has succeeded. */
  step?: StubStep;
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
