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
  | { kind: 'log-missing'; from: number }
  /** The log is there, but this version of the namespace, whose limits held in that time, is kept no longer. */
  | { kind: 'version-missing'; version: number };

/** @param first index of its acceptance; @param last index of its last entry. Rejects with a StoreError. */
export async function recountJob(
  context: RecountContext,
  { job, first, last }: { job: number; first: number; last: number },
): Promise<Recounted> {
  for (;;) {
    const past = await openPast(context, first);
    if (past.from > first) return { kind: 'log-missing', from: past.from };
    const referred = new RecountDocuments(context);
    const missing = await referred.readFor(past.counts);
    if (missing !== undefined) return { kind: 'version-missing', version: missing };
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
        const unread = await referred.readForBatch(batch);
        if (unread !== undefined) return { kind: 'version-missing', version: unread };
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

  /** The number of a version of the namespace that isn't kept any more; undefined when everything is at hand. */
  async readFor({ namespace, jobs }: CountsBefore): Promise<number | undefined> {
    if (namespace !== null && !(await this.#readNamespace(namespace.ref))) return namespace.version;
    for (const { specRef } of jobs) await this.#readHosts(specRef);
    return undefined;
  }

  /** As {@link readFor}. */
  async readForBatch({ entries }: FoldedBatch): Promise<number | undefined> {
    for (const entry of entries) {
      if (entry.type === 'job-accepted') await this.#readHosts(entry.specRef);
      else if (entry.type === 'namespace-applied' && !(await this.#readNamespace(entry.ref)))
        return entry.version;
    }
    return undefined;
  }

  /** Whether it could be had. */
  async #readNamespace(ref: string): Promise<boolean> {
    if (this.#namespaces.has(ref)) return true;
    const found = await this.#context.namespaces.find(ref);
    if (found !== undefined) this.#namespaces.set(ref, found.namespace);
    return found !== undefined;
  }

  async #readHosts(specRef: string): Promise<void> {
    if (!this.#hosts.has(specRef)) this.#hosts.set(specRef, await this.#context.referred.readHosts(specRef));
  }
}
