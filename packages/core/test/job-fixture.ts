import {
  applyBatch,
  type ClusterState,
  createState,
  decideAccept,
  type JobAccepted,
  type JobLimits,
  type LogEntry,
  plan,
  type PlanInput,
} from '@pogo/core';

export const limits: JobLimits = { concurrent: null, maxFailures: null, jobTimeoutMs: 1_800_000 };

export function submission(
  overrides: Partial<Omit<JobAccepted, 'type' | 'job'>> = {},
): Omit<JobAccepted, 'type' | 'job'> {
  return {
    digest: `sha256:${'0'.repeat(64)}`,
    specRef: 'specs/1',
    idempotencyKey: 'key-1',
    submitter: 'ada',
    namespace: 'default',
    title: 'true',
    hosts: 1,
    recipients: ['kid-a'],
    provesPassword: false,
    limits,
    ...overrides,
  };
}

export const workerA = { name: 'a', capacity: 100, keyIds: ['kid-a'] };
export const workerB = { name: 'b', capacity: 100, keyIds: ['kid-a'] };

/** A leader without a store: folds what is decided, batch by batch, and keeps the history. */
export class Leader {
  state: ClusterState = createState();
  readonly history: { index: number; atMs: number; entries: LogEntry[] }[] = [];

  append(entries: LogEntry[], atMs = this.state.atMs): void {
    const batch = { index: this.state.nextIndex, atMs, entries };
    applyBatch(this.state, batch);
    this.history.push(structuredClone(batch));
  }

  accept(overrides: Partial<Omit<JobAccepted, 'type' | 'job'>> = {}): number {
    const decision = decideAccept(
      this.state,
      submission({ idempotencyKey: `key-${this.state.nextJob}`, ...overrides }),
    );
    if (decision.kind !== 'accepted') throw new Error(`not accepted: ${decision.kind}`);
    this.append(decision.entries);
    return decision.job;
  }

  /** Plans and folds until nothing is due; gives all decisions. */
  plan(input: Partial<PlanInput> = {}): LogEntry[] {
    const all: LogEntry[] = [];
    const nowMs = input.nowMs ?? this.state.atMs;
    for (;;) {
      const entries = plan(this.state, { workers: [workerA], ...input, nowMs });
      if (entries.length === 0) return all;
      this.append(entries, nowMs);
      all.push(...entries);
    }
  }
}
