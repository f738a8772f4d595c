/** Recounts one job from the log and what was kept of it: reads what the entries refer to, then has core count. */
import { type CountsBefore, type FoldedBatch, JobReporter, type JobReport, type Namespace } from '@pogo/core';
import type { Documents, Log } from '@pogo/store';
import type { JobHistory } from '../events/job-history.js';
import type { HistorySegments } from '../history/history-segments.js';
import { openPast } from '../history/log-past.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import type { NamespaceDocuments } from '../namespaces/namespace-documents.js';

export interface RecountContext {
  log: Log;
  documents: Documents;
  history: JobHistory;
  segments: HistorySegments;
  namespaces: NamespaceDocuments;
  referred: ReferredDocuments;
}

export type Recounted =
  | { kind: 'recounted'; report: JobReport }
  /** Nothing is kept of the log before this index, where the job was accepted earlier. */
  | { kind: 'missing'; from: number };

/** @param first index of its acceptance; @param last index of its last entry. Rejects with a StoreError. */
export async function recountJob(
  context: RecountContext,
  { job, first, last }: { job: number; first: number; last: number },
): Promise<Recounted> {
  for (;;) {
    const past = await openPast(context, first);
    if (past.from > first) return { kind: 'missing', from: past.from };
    const referred = new RecountDocuments(context);
    await referred.readFor(past.counts);
    const reporter = new JobReporter(job, referred, past.counts);
    const batches = past.batches(last);
    for (;;) {
      const read = await batches.next();
      if (read.done === true) {
        const report = reporter.report();
        // Pruned while it was read: what went is a segment now.
        if (read.value === 'pruned' || report === undefined) break;
        return { kind: 'recounted', report };
      }
      for (const batch of read.value) {
        await referred.readForBatch(batch);
        reporter.apply(batch);
      }
    }
  }
}

/** What entries refer to by key, each read once. */
class RecountDocuments {
  readonly #context: RecountContext;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #hosts = new Map<string, readonly string[] | undefined>();

  constructor(context: RecountContext) {
    this.#context = context;
  }

  namespace(ref: string): Namespace {
    return this.#namespaces.get(ref)!;
  }

  hostsOf(specRef: string): readonly string[] | undefined {
    return this.#hosts.get(specRef);
  }

  async readFor({ namespace, jobs }: CountsBefore): Promise<void> {
    if (namespace !== null) await this.#readNamespace(namespace.ref);
    for (const { specRef } of jobs) await this.#readHosts(specRef);
  }

  async readForBatch({ entries }: FoldedBatch): Promise<void> {
    for (const entry of entries) {
      if (entry.type === 'namespace-applied') await this.#readNamespace(entry.ref);
      else if (entry.type === 'job-accepted') await this.#readHosts(entry.specRef);
    }
  }

  async #readNamespace(ref: string): Promise<void> {
    if (!this.#namespaces.has(ref))
      this.#namespaces.set(ref, (await this.#context.namespaces.get(ref)).namespace);
  }

  async #readHosts(specRef: string): Promise<void> {
    if (!this.#hosts.has(specRef)) this.#hosts.set(specRef, await this.#context.referred.readHosts(specRef));
  }
}
