/**
 * Planner and fold alone, in the order in which the leader loop has them: decide, fold each decision, take reports, fold.
 * No log, no documents, no workers; what the dispatcher adds to this is everything else.
 */
import {
  applyEntries,
  type ClusterState,
  createState,
  decideReports,
  hostIndexes,
  type JobAccepted,
  type LogEntry,
  type Namespace,
  plan,
  type ReportedEvent,
} from '@pogo/core';
import type { Field } from './planner-field.js';
import { outcomeOf } from './planner-outcome.js';
import { countTransitions } from './planner-transitions.js';

const worker = 'worker';

export class BarePlanner {
  transitions = 0;
  readonly #state: ClusterState;
  readonly #field: Field;
  readonly #hosts = new Map<string, readonly string[]>();
  readonly #atOnce: number;
  #index = 0;

  constructor(field: Field, namespace: Namespace, atOnce: number) {
    this.#field = field;
    this.#atOnce = atOnce;
    this.#state = createState({ namespace: () => namespace, hostsOf: (ref) => this.#hosts.get(ref) });
    this.#fold([{ type: 'leadership-taken', dispatcher: 'bench' }]);
    this.#fold([{ type: 'worker-joined', worker, journal: 'journal' }]);
    this.#fold([{ type: 'namespace-applied', version: 1, ref: 'bench', by: 'bench' }]);
  }

  /** Puts a job over these hosts into the state. */
  accept(hosts: readonly string[], unconstrained: boolean): void {
    const job = this.#state.nextJob;
    const specRef = `spec-${job}`;
    this.#hosts.set(specRef, hosts);
    const accepted: JobAccepted = {
      type: 'job-accepted',
      job,
      digest: 'bench',
      specRef,
      idempotencyKey: `key-${job}`,
      submitter: 'bench',
      namespace: 'default',
      title: 'true',
      hosts: hosts.length,
      recipients: ['key'],
      provesPassword: false,
      limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 3_600_000 },
      ...(unconstrained && { unconstrained: true }),
    };
    this.#fold([accepted]);
    this.#hosts.delete(specRef);
  }

  /** The first decisions about everything that waits, with room for all of it at the workers; decides nothing. */
  firstPlan(): readonly LogEntry[] {
    return plan(this.#state, {
      nowMs: 0,
      workers: [{ name: worker, capacity: Infinity, keyIds: ['key'] }],
    });
  }

  /** Until nothing is open. */
  run(): void {
    const workers = [{ name: worker, capacity: this.#atOnce, keyIds: ['key'] }];
    let reports: ReportedEvent[] = [];
    while (this.#state.open.size > 0) {
      if (reports.length > 0) this.#fold(decideReports(this.#state, worker, reports).entries);
      const decisions = plan(this.#state, { nowMs: 0, workers });
      this.#fold(decisions);
      const begun = decisions.flatMap((entry): ReportedEvent[] =>
        entry.type !== 'hosts-assigned'
          ? []
          : [...hostIndexes(entry.hosts)].map((host) => ({
              job: entry.job,
              host,
              attempt: this.#state.jobs.get(entry.job)!.hosts[host]!.attempt,
              event: 'begun',
            })),
      );
      reports = [...reports.flatMap((report) => this.#after(report)), ...begun];
      if (reports.length === 0 && decisions.length === 0) throw new Error('nothing can go on');
    }
  }

  #after({ event, job, host, attempt }: ReportedEvent): ReportedEvent[] {
    if (event === 'begun') return [{ job, host, attempt, event: 'started' }];
    if (event !== 'started') return [];
    const outcome = outcomeOf(job, host, this.#field.fails(host, job));
    return [{ job, host, attempt, event: 'finished', outcome }];
  }

  #fold(entries: readonly LogEntry[]): void {
    applyEntries(this.#state, entries, this.#index);
    for (const entry of entries) this.transitions += countTransitions(entry);
    this.#state.nextIndex = ++this.#index;
  }
}
