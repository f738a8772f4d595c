/** One measurement: what, and what came out. Durations are CPU time in milliseconds, but for `wallMs`; sizes are bytes. */
export interface Task {
  kind: 'dispatcher' | 'bare';
  hosts: number;
  /** Attempts that workers take at once. */
  atOnce: number;
}

export interface Figures {
  /** What `pogo plan` asks for: the whole plan with its forecast, for the first time since the namespace was applied. */
  planMs: number | undefined;
  /**
   * From asking for the plan to the accepted job with its first decisions; of the bare planner, one round of decisions with
   * room at the workers for whatever may go on.
   */
  firstPlanMs: number;
  /** The namespace file, read, checked and compiled. */
  compileMs: number;
  transitions: number;
  /** User and system time of the process, collections included. */
  cpuMs: number;
  wallMs: number;
  /** What the live heap is larger by than before the jobs, for each of their hosts, once all have ended. */
  bytesPerHost: number;
  /** Most that was done without a turn of the event loop. */
  longestBlockMs: number | undefined;
}
