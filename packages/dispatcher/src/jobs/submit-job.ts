/**
 * Accepts a job: the spec becomes a document (L6), the sealed credentials go into the vault, and the rest into the log. The
 * answer comes once `job-accepted` is durable (L7); the same key and digest give the same job again. Before anything is decided
 * another dispatcher holds credentials and script as well, if one is connected (V1, L6).
 */
import {
  type ClusterState,
  decideAccept,
  foldTargets,
  type JobLimits,
  membersOf,
  type Namespace,
  resolveTargets,
  type TargetError,
} from '@pogo/core';
import {
  type ResolvedSpec,
  type SealedCredentials,
  specDigest,
  specLimits,
  type SubmitRequest,
} from '@pogo/protocol';
import type { AttachmentCopies } from '../attachments/attachment-copies.js';
import type { AttachmentStore } from '../attachments/attachment-store.js';
import type { Leader } from '../leader/leader.js';
import type { Decision } from '../leader/reign.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import { type ForeignHosts, type HostOwners, strangersElsewhere } from '../namespaces/host-owners.js';
import { isConstrained } from '../namespaces/place-targets.js';
import type { Vault } from '../vault/vault.js';
import type { VaultCopies } from '../vault/vault-copies.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import { HostList, type HostLists } from './host-names.js';
import { provesPassword, titleOf } from './resolve-request.js';
import type { Specs } from './specs.js';

export interface SubmitContext {
  leader: Leader;
  referred: ReferredDocuments;
  vault: Vault;
  attachments: AttachmentStore;
  peers: { readonly credentials: VaultCopies; readonly scripts: AttachmentCopies };
  specs: Specs;
  registry: WorkerRegistry;
  hostLists: HostLists;
  principal: string;
  /** Its name. */
  namespace: string;
  namespaceNumber: number;
  owners: HostOwners;
  credentialsLifetimeMs: number;
}

export type SubmitOutcome =
  | { kind: 'accepted' | 'known'; job: number }
  | { kind: 'mismatch'; job: number }
  | { kind: 'digest-mismatch'; expected: string }
  | { kind: 'foreign-submitter' }
  | { kind: 'lifetime-too-long' }
  | { kind: 'target-error'; error: TargetError }
  | { kind: 'no-targets' }
  /** Folded names that the namespace doesn't know, which has constraints (S6). */
  | { kind: 'unknown-hosts'; hosts: string }
  /** Hosts of other namespaces (S6). */
  | { kind: 'foreign-hosts'; foreign: ForeignHosts }
  /** Two names of one host (S6): the plan names it once. */
  | { kind: 'same-host'; hosts: [string, string] }
  | { kind: 'recipients-changed'; unknown: string[] }
  | { kind: 'attachment-missing'; sha256: string }
  /** The namespace has had as many jobs as there are numbers for. */
  | { kind: 'numbers-used-up' }
  | { kind: 'lost' };

export async function submitJob(
  context: SubmitContext,
  idempotencyKey: string,
  request: SubmitRequest,
): Promise<SubmitOutcome> {
  const { spec, digest, limits, credentials } = request;
  const computed = specDigest(spec);
  if (computed !== digest) return { kind: 'digest-mismatch', expected: computed };

  // A repeated submission is answered even when it would no longer be taken.
  const before = await context.leader.read((state) => {
    const job = state.jobByIdempotencyKey.get(idempotencyKey);
    return job === undefined ? undefined : { job, same: state.jobs.get(job)?.accepted.digest === digest };
  });
  if (before.kind === 'lost') return { kind: 'lost' };
  if (before.answer !== undefined) {
    return { kind: before.answer.same ? 'known' : 'mismatch', job: before.answer.job };
  }

  if (spec.submitter !== context.principal) return { kind: 'foreign-submitter' };
  if (spec.lifetimeMs > context.credentialsLifetimeMs) return { kind: 'lifetime-too-long' };
  const recipients = credentials.recipients.map(({ header }) => header.kid);
  const unknown = recipients.filter((kid) => !context.registry.knows(kid));
  if (unknown.length > 0) return { kind: 'recipients-changed', unknown };
  const { command } = spec;
  if (command.kind === 'script' && !(await isHere(context, command))) {
    return { kind: 'attachment-missing', sha256: command.sha256 };
  }
  const hosts = hostsOf(context.hostLists, spec);
  if (!(hosts instanceof HostList)) return hosts;
  const present = await context.leader.read(({ constraints }) => constraints.namespace);
  if (present.kind === 'lost') return present;
  const strangers = strangersTo(present.answer, spec, hosts);
  if (strangers !== undefined) return strangers;
  const elsewhere = await strangersElsewhere(context, present.answer, hosts.hosts);
  if (elsewhere.kind === 'lost') return { kind: 'lost' };
  if (elsewhere.foreign.size > 0) return { kind: 'foreign-hosts', foreign: elsewhere.foreign };

  const [offered] = await Promise.all([
    context.peers.credentials.offer({
      namespace: context.namespaceNumber,
      digest,
      credentials,
      lifetimeMs: spec.lifetimeMs,
      for: { kind: 'submission', idempotencyKey },
    }),
    command.kind === 'script' && context.peers.scripts.copy(command.sha256, command.bytes),
  ]);
  const specRef = await context.specs.put(spec);
  const outcome = await accept(context, {
    idempotencyKey,
    spec,
    digest,
    limits,
    credentials,
    recipients,
    specRef,
    hosts,
  });
  // On `lost` the entry may be in the log, and names the document.
  if (outcome.kind !== 'accepted' && outcome.kind !== 'lost') {
    offered.withdraw();
    await context.specs.delete(specRef);
  }
  return outcome;
}

/** Whether the script is here whole; where it was uploaded to another dispatcher, it is fetched from there. */
async function isHere(
  { attachments, peers }: SubmitContext,
  { sha256, bytes }: { sha256: string; bytes: number },
): Promise<boolean> {
  if (await attachments.hold(sha256, bytes)) return true;
  return (await peers.scripts.fetch(sha256)) && attachments.hold(sha256, bytes);
}

async function accept(
  { leader, vault, referred }: SubmitContext,
  submission: {
    idempotencyKey: string;
    spec: ResolvedSpec;
    digest: string;
    limits: JobLimits;
    credentials: SealedCredentials;
    recipients: string[];
    specRef: string;
    hosts: HostList;
  },
): Promise<SubmitOutcome> {
  const { idempotencyKey, spec, digest, limits, credentials, recipients, specRef, hosts } = submission;
  const decide = (state: ClusterState): Decision<SubmitOutcome> => {
    const decision = decideAccept(state, {
      digest,
      specRef,
      idempotencyKey,
      submitter: spec.submitter,
      namespace: spec.namespace,
      title: titleOf(spec),
      hosts: hosts.hosts.length,
      recipients,
      provesPassword: provesPassword(spec),
      limits,
      ...(spec.unconstrained && { unconstrained: true }),
      ...(spec.onPredecessorFailure && { onPredecessorFailure: spec.onPredecessorFailure }),
    });
    if (decision.kind !== 'accepted') return { entries: [], answer: decision };
    // Before the plan of this very cycle looks for them.
    vault.put({ job: decision.job, digest }, credentials, spec.lifetimeMs);
    return { entries: decision.entries, answer: { kind: 'accepted', job: decision.job } };
  };
  const names = hosts.hosts;
  const outcome = await referred.withHosts([{ specRef, names }], () => leader.command(decide));
  return outcome.kind === 'lost' ? outcome : outcome.answer;
}

/** From the plan, as a rule; expanded again where that is gone, or never was. */
function hostsOf(hostLists: HostLists, spec: ResolvedSpec): HostList | SubmitOutcome {
  const known = hostLists.find(spec.targets);
  if (known !== undefined) return known;
  const expanded = resolveTargets(spec.targets, {}, { limit: specLimits.maxTargets });
  if (!expanded.ok) return { kind: 'target-error', error: expanded.error };
  if (expanded.targets.length === 0) return { kind: 'no-targets' };
  const hosts = new HostList(expanded.targets.map(({ host }) => host));
  hostLists.remember(spec.targets, hosts);
  return hosts;
}

/** What the namespace has against these hosts: a version that was applied since the plan has a word, too. */
function strangersTo(
  namespace: Namespace | undefined,
  { allowUnknown }: ResolvedSpec,
  { hosts }: HostList,
): SubmitOutcome | undefined {
  if (namespace === undefined) return undefined;
  const members = membersOf(namespace, hosts);
  const isNamed = new Uint8Array(namespace.hosts.length);
  const unknown: string[] = [];
  for (const [index, host] of hosts.entries()) {
    const member = members[index]!;
    if (member < 0) unknown.push(host);
    else if (isNamed[member] === 1)
      return { kind: 'same-host', hosts: [hosts[members.indexOf(member)]!, host] };
    else isNamed[member] = 1;
  }
  if (unknown.length === 0 || allowUnknown === true || !isConstrained(namespace)) return undefined;
  return { kind: 'unknown-hosts', hosts: foldTargets(unknown.map((host) => ({ host }))) };
}
