/**
 * `PUT /v1/namespaces/:name`: the namespace that a file is to be applied to. One that doesn't exist is made, if the request
 * says that this is meant: a slip of the pen must not make one, which would protect nobody.
 */
import { applyNamespaceRequestSchema, jobRequestSchema } from '@pogo/protocol';
import type { ServedNamespace } from '../namespaces/served-namespace.js';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import { drainAsIn } from '../workers/drain-worker.js';
import { problem, type ProblemAnswer, storeUnavailable } from './answer.js';
import { namespaceInvalid } from './namespaces.js';
import type { RouteRequest } from './route.js';
import { unknownNamespace } from './unknown-namespace.js';

type Found = { kind: 'one'; served: ServedNamespace } | ProblemAnswer;

/** How long a new namespace may take until it is led, in milliseconds. */
const leaderWaitMs = 5000;

export async function namespaceToApply(
  served: ServedNamespaces,
  name: string,
  { body, headers }: RouteRequest,
  signal: AbortSignal,
): Promise<Found> {
  const condition = headers['if-none-match'];
  const isToBeMade = condition === '*';
  if (condition !== undefined && !isToBeMade) {
    return problem('invalid-request', 'If-None-Match: only * is understood here, which makes a namespace.', {
      errors: [{ path: 'header.if-none-match', message: 'not *' }],
    });
  }
  const found = await served.find(name);
  if (found !== undefined) return isToBeMade ? asNew(found) : { kind: 'one', served: found };
  if (!isToBeMade) return unknownNamespace(served, name, 'path.name');
  if (!jobRequestSchema.shape.namespace.safeParse(name).success) {
    const message =
      'a name has lower-case letters, digits and dashes, begins with a letter, and has 63 at most';
    return problem('invalid-request', `path.name: ${message}.`, { errors: [{ path: 'path.name', message }] });
  }
  // A wrong file makes nothing. What is no request at all is refused by the route of default, which would refuse it here.
  const parsed = applyNamespaceRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'one', served: served.default };
  const checked = await served.default.context.checkNamespace(parsed.data);
  if (!checked.ok) return namespaceInvalid(checked.problems, 'No namespace was made.');
  const made = await served.create(name);
  if (made.kind === 'full') {
    return problem('numbers-used-up', 'There are as many namespaces as there can be: use one of them.');
  }
  await made.served.leader.soon(leaderWaitMs, signal);
  await drainAsIn(served.default, made.served);
  return { kind: 'one', served: made.served };
}

/** One that exists without any file was made by a request that broke off: it goes on. */
async function asNew(served: ServedNamespace): Promise<Found> {
  const version = await served.leader.read(({ constraints }) => constraints.version);
  if (version.kind === 'lost') return storeUnavailable(served.leader);
  if (version.answer === 0) return { kind: 'one', served };
  return problem(
    'namespace-changed',
    `There is a namespace ${served.identity.name} already, with version ${version.answer} in force: apply without --create (If-None-Match) to change it.`,
  );
}
