/** What the bench of ZooKeeper asks for, and what comes out of it. Durations are milliseconds, sizes bytes. */
export interface ZooKeeperTask {
  /** As in the dispatcher's configuration. */
  store: string;
  hosts: number;
  /** Attempts that workers take at once. */
  atOnce: number;
  /** Mean; 0 ends at once. */
  commandMs: number;
  /** Jobs, one after another. */
  jobs: number;
  /** How long jobs are kept after their end. */
  keptMs: number;
}

/** One job, from its submission to its end. */
export interface JobFigures {
  wallMs: number;
  /** User and system time of the dispatcher's process, its scripted workers included. */
  cpuMs: number;
  transitions: number;
  batches: number;
  entries: number;
  largestBatch: number;
  /** Bodies of the batches. */
  bytes: number;
  largestBytes: number;
  /** Sum over all appends, which come one after another. */
  appendMs: number;
}

/** A line of the measuring process, which goes on when it is told to. */
export type Phase = { phase: 'ready' } | { phase: 'job'; figures: JobFigures } | { phase: 'expired' };

/** What a server keeps in memory. */
export interface DataSize {
  nodes: number;
  bytes: number;
}
