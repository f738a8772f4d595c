/** One call between two processes, as those see it who watch or falsify the network. */
export interface Call {
  /** Number of the connection that it came through. */
  connection: number;
  caller: string;
  callee: string;
  method: string;
  params: unknown;
}

/** Watches calls without touching them. */
export interface CallWatcher {
  /** It leaves its caller. */
  sent?(call: Call): void;
  /** It has come to its callee. */
  arrived?(call: Call): void;
  /** The callee's handler is done; the answer is about to leave. `failed`: by an error. */
  answered?(call: Call, outcome: { failed: boolean; result: unknown }): void;
}

/** Stands between a call's arrival and its handler; for planted bugs. */
export type CallTampering = (call: Call, serve: (params: unknown) => unknown) => unknown;
