import type { TargetError } from '@pogo/core';
import type { ForeignHosts } from '../namespaces/host-owners.js';
import { problem, type ProblemAnswer } from './answer.js';

/** @param hosts folded names. */
export function unknownHosts(namespace: string, hosts: string): ProblemAnswer {
  return problem(
    'hosts-not-in-namespace',
    `Namespace ${namespace} has constraints and doesn't know ${hosts}, so nothing would say how many of them may be disturbed at once: add them to its file, or say --allow-unknown (allowUnknown) if they are meant.`,
    { errors: [{ path: 'targets', message: `not in namespace ${namespace}: ${hosts}` }] },
  );
}

const shownHosts = 5;

/** @param foreign hosts with whose they are */
export function foreignHostsProblem(namespace: string, foreign: ForeignHosts): ProblemAnswer {
  const [owner] = foreign.values();
  const shown = [...foreign].slice(0, shownHosts).map(([host, whose]) => `${host} of ${whose}`);
  const more = foreign.size - shown.length;
  const hosts = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return problem(
    'host-of-another-namespace',
    `Namespace ${namespace} would pass over limits of another one, which has ${hosts}: run there with --namespace, or take the hosts out of the file of ${owner!} first.`,
    { errors: [{ path: 'targets', message: `of another namespace: ${hosts}` }] },
  );
}

/** The problem of a target expression, with the place of the fault. */
export function targetProblem(expression: string, error: TargetError): ProblemAnswer {
  const code = error.code === 'too-many-hosts' ? 'too-many-targets' : 'invalid-target';
  const where = error.offset >= expression.length ? 'at the end' : `at position ${error.offset + 1}`;
  const message = `${where}: ${error.message} (${error.code})`;
  return problem(code, `targets, ${message}.`, { errors: [{ path: 'targets', message }] });
}
