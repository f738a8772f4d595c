import type { ResolvedSpec } from '@pogo/protocol';
import type { HostList, HostLists } from './host-names.js';
import type { Archive, ArchivedJob } from './archive.js';
import { findJob } from './find-job.js';
import type { Leader } from '../leader/leader.js';
import type { Specs } from './specs.js';

export interface JobViewContext {
  leader: Leader;
  archive: Archive;
  specs: Specs;
  hostLists: HostLists;
}

/** What stays the same about a job, wherever it is kept. */
export interface JobView {
  job: number;
  hosts: HostList;
  spec: ResolvedSpec;
  specRef: string;
  digest: string;
  /** First log index of its history. */
  acceptedIndex: number;
  /** Set when it has left the live state. */
  archived: ArchivedJob | undefined;
}

export type JobViewOutcome = { kind: 'found'; view: JobView } | { kind: 'unknown' } | { kind: 'lost' };

/** Looks a job up together with the names of its hosts. Rejects with a StoreError. */
export async function viewJob(context: JobViewContext, id: string): Promise<JobViewOutcome> {
  const found = await findJob(context, id, ({ job, acceptedIndex, accepted }) => ({
    job,
    acceptedIndex,
    specRef: accepted.specRef,
    digest: accepted.digest,
  }));
  if (found.kind === 'unknown' || found.kind === 'lost') return found;
  const archived = found.kind === 'archived' ? found.archived : undefined;
  const { job, acceptedIndex, specRef } = found.kind === 'live' ? found.value : found.archived;
  const digest = found.kind === 'live' ? found.value.digest : found.archived.document.digest;
  const spec = await context.specs.get(specRef);
  const hosts = context.hostLists.of(spec.targets);
  return { kind: 'found', view: { job, acceptedIndex, hosts, spec, specRef, digest, archived } };
}
