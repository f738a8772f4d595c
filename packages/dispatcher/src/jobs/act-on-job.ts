/**
 * What verbs about one job have in common: the job is found, hosts are named within it,
 * credentials that come along are checked as at a submission and put into the vault, and the answer is given once the
 * decision is durable (L7). As at a submission another dispatcher holds them first (V1); about one job that is done one after
 * another, so that what was refused is never taken for what was decided.
 */
import {
  type ClusterState,
  type CredentialsAtHand,
  type JobRecord,
  type LogEntry,
  type TargetError,
  toHostSet,
} from '@pogo/core';
import type { SealedCredentials } from '@pogo/protocol';
import type { Decision } from '../leader/reign.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import type { Turns } from '../turns.js';
import type { Vault } from '../vault/vault.js';
import type { CopiesOffered, VaultCopies } from '../vault/vault-copies.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { HostList } from './host-names.js';
import { type VersionedJob, versionedJob } from './job-documents.js';
import { type JobView, type JobViewContext, viewJob } from './job-view.js';

export interface ActContext extends JobViewContext {
  vault: Vault;
  /** Number of the namespace. */
  namespaceNumber: number;
  peers: { readonly credentials: VaultCopies };
  /** For verbs that bring credentials, by job. */
  renewals: Turns;
  referred: ReferredDocuments;
  registry: WorkerRegistry;
}

export interface VerbRequest {
  /** The job, as a person may call it. */
  id: string;
  /** Expression within the job's hosts. */
  hosts?: string | undefined;
  credentials?: SealedCredentials | undefined;
  /** Log indexes of which one has to be the job's last change; undefined: whichever it is. */
  versions?: readonly number[] | undefined;
}

export interface VerbInput {
  /** Indexes, ascending; undefined when none were named. */
  hosts: number[] | undefined;
  credentials: CredentialsAtHand;
}

/** A decision that is to be appended, or a refusal of the verb's own. */
export type Decided = { kind: 'decided'; entries: LogEntry[]; hosts: number[] };

export type ActOutcome<Refusal> =
  | { kind: 'done'; job: number; affected: string; affectedHosts: number }
  | { kind: 'refused'; refusal: Refusal; hosts: HostList }
  /** It isn't at one of the versions that were named. */
  | { kind: 'changed'; current: VersionedJob }
  | { kind: 'unknown' }
  | { kind: 'lost' }
  /** It has left the live state, and nothing of it changes any more. */
  | { kind: 'archived' }
  | { kind: 'target-error'; error: TargetError }
  /** Folded names that aren't hosts of the job. */
  | { kind: 'unknown-hosts'; hosts: string }
  | { kind: 'recipients-changed'; unknown: string[] }
  /** The credentials are sealed for another spec than the one with this digest. */
  | { kind: 'digest-mismatch'; expected: string };

/** Rejects with a StoreError. */
export async function actOnJob<Refusal extends { kind: string }>(
  context: ActContext,
  { id, hosts: expression, credentials, versions }: VerbRequest,
  decide: (job: JobRecord, input: VerbInput, state: ClusterState) => Decided | Refusal,
): Promise<ActOutcome<Refusal>> {
  const viewed = await viewJob(context, id);
  if (viewed.kind !== 'found') return viewed;
  const { view } = viewed;
  if (view.archived !== undefined) return { kind: 'archived' };
  const found = expression === undefined ? undefined : view.hosts.find(expression);
  if (found !== undefined && found.kind !== 'found') return found;
  const unfit = credentials && unfitCredentials(context, view, credentials);
  if (unfit !== undefined) return unfit;

  const act = (state: ClusterState): Decision<ActOutcome<Refusal>> => {
    const job = state.jobs.get(view.job);
    if (job === undefined) return { entries: [], answer: { kind: 'archived' } };
    if (versions?.includes(job.lastIndex) === false)
      return { entries: [], answer: { kind: 'changed', current: versionedJob(job, state) } };
    const key = { job: view.job, digest: job.accepted.digest };
    const decision = decide(
      job,
      { hosts: found?.hosts, credentials: atHand(credentials, context.vault.get(key) !== undefined) },
      state,
    );
    if (!isDecided(decision)) {
      return { entries: [], answer: { kind: 'refused', refusal: decision, hosts: view.hosts } };
    }
    // Before the plan of this very cycle looks for them.
    if (credentials !== undefined) context.vault.put(key, credentials, view.spec.lifetimeMs);
    const affected = decision.hosts.length === 0 ? '' : view.hosts.fold(toHostSet(decision.hosts));
    const answer = { kind: 'done', job: view.job, affected, affectedHosts: decision.hosts.length } as const;
    return { entries: decision.entries, answer };
  };
  // It may be opened again.
  const { specRef } = view;
  const decided = async (): Promise<ActOutcome<Refusal>> => {
    const outcome = await context.referred.withHosts([{ specRef, names: view.hosts.hosts }], () =>
      context.leader.command(act),
    );
    return outcome.kind === 'lost' ? outcome : outcome.answer;
  };
  if (credentials === undefined) return decided();
  return context.renewals.take(String(view.job), async () => {
    const offered = await offerRenewal(context, view, credentials);
    if (offered === 'lost') return { kind: 'lost' };
    const outcome = await decided();
    // When leadership was lost it may be in the log.
    if (outcome.kind !== 'done' && outcome.kind !== 'lost') offered?.withdraw();
    return outcome;
  });
}

/** Undefined: the job has left the live state. */
async function offerRenewal(
  { leader, namespaceNumber, peers }: ActContext,
  { job, digest, spec }: JobView,
  credentials: SealedCredentials,
): Promise<CopiesOffered | undefined | 'lost'> {
  const present = await leader.read((state) => state.jobs.get(job)?.credentialsAtMs);
  if (present.kind === 'lost') return 'lost';
  const credentialsAtMs = present.answer;
  if (credentialsAtMs === undefined) return undefined;
  return peers.credentials.offer({
    namespace: namespaceNumber,
    digest,
    credentials,
    lifetimeMs: spec.lifetimeMs,
    for: { kind: 'renewal', job, credentialsAtMs },
  });
}

function isDecided(decision: { kind: string }): decision is Decided {
  return decision.kind === 'decided';
}

function atHand(given: SealedCredentials | undefined, held: boolean): CredentialsAtHand {
  if (given === undefined) return { kind: held ? 'present' : 'missing' };
  return { kind: 'given', recipients: given.recipients.map(({ header }) => header.kid) };
}

function unfitCredentials(
  { registry }: ActContext,
  { digest }: JobView,
  { aad, recipients }: SealedCredentials,
): ActOutcome<never> | undefined {
  // The seal's additional authenticated data is the digest: rexec would refuse another one.
  if (Buffer.from(aad, 'base64url').toString() !== digest)
    return { kind: 'digest-mismatch', expected: digest };
  const unknown = recipients.map(({ header }) => header.kid).filter((kid) => !registry.knows(kid));
  return unknown.length > 0 ? { kind: 'recipients-changed', unknown } : undefined;
}
