/**
 * Applies a version of the namespace's file: checked, stored as a document (L6), then named in the log. Jobs that run keep
 * running; its limits hold for what is decided from then on.
 */
import { type ClusterState, type LogEntry, mayCount } from '@pogo/core';
import type { FileProblem } from '@pogo/protocol';
import type { Leader } from '../leader/leader.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import { type HostOwners, namesIn } from './host-owners.js';
import type { NamespaceCheck, NamespaceFile } from './namespace-check.js';
import type { NamespaceDocuments } from './namespace-documents.js';

export interface ApplyContext {
  /** Its name. */
  namespace: string;
  leader: Leader;
  namespaces: NamespaceDocuments;
  referred: ReferredDocuments;
  principal: string;
  checkNamespace: NamespaceCheck;
  owners: HostOwners;
}

export type ApplyOutcome =
  | { kind: 'applied' }
  | { kind: 'invalid'; problems: readonly FileProblem[] }
  /** Another version is in force than the one that was named. */
  | { kind: 'changed'; version: number }
  /** Of this namespace, or of the one that isn't led here. */
  | { kind: 'lost'; leader?: Leader };

/** @param expected version that has to be in force, where the caller says so. */
export async function applyNamespace(
  { namespace: name, leader, namespaces, referred, principal, checkNamespace, owners }: ApplyContext,
  file: NamespaceFile,
  expected: number | undefined,
): Promise<ApplyOutcome> {
  const checked = await checkNamespace(file);
  if (!checked.ok) return { kind: 'invalid', problems: checked.problems };
  const { namespace } = checked;
  return owners.exclusively(async () => {
    const elsewhere = await owners.elsewhere(name, namesIn(namespace));
    if (elsewhere.kind === 'lost') return elsewhere;
    const { foreign } = elsewhere;
    if (foreign.size > 0) {
      const found = await checkNamespace({ ...file, foreign });
      return { kind: 'invalid', problems: found.ok ? [] : found.problems };
    }
    const ref = await namespaces.put({ text: file.text, definition: namespace.definition });
    return referred.withNamespace(ref, namespace, () =>
      appendVersion({ leader, referred, principal }, ref, expected),
    );
  });
}

async function appendVersion(
  { leader, referred, principal }: Pick<ApplyContext, 'leader' | 'referred' | 'principal'>,
  ref: string,
  expected: number | undefined,
): Promise<ApplyOutcome> {
  for (;;) {
    const open = await leader.read(openSpecs);
    if (open.kind === 'lost') return open;
    const jobs: { specRef: string; names: readonly string[] }[] = [];
    for (const specRef of open.answer) {
      const names = await referred.readHosts(specRef);
      if (names !== undefined) jobs.push({ specRef, names });
    }
    const known = new Set(open.answer);
    const outcome = await referred.withHosts(jobs, () =>
      leader.command((state): { entries: readonly LogEntry[]; answer: ApplyOutcome | 'again' } => {
        const { version } = state.constraints;
        if (expected !== undefined && expected !== version)
          return { entries: [], answer: { kind: 'changed', version } };
        // Jobs that were accepted meanwhile have hosts, too.
        if (!openSpecs(state).every((specRef) => known.has(specRef))) return { entries: [], answer: 'again' };
        return {
          entries: [{ type: 'namespace-applied', version: version + 1, ref, by: principal }],
          answer: { kind: 'applied' },
        };
      }),
    );
    if (outcome.kind === 'lost') return outcome;
    if (outcome.answer !== 'again') return outcome.answer;
  }
}

function openSpecs(state: ClusterState): string[] {
  return [...state.jobs.values()].filter(mayCount).map(({ accepted }) => accepted.specRef);
}
