import { faultOfLimit, type ConcurrencyLimit, type NamespaceDefinition } from './definition.js';
import { type ProblemList, shownName, someOf } from './problem.js';
import { readSequence, type SequenceOrder } from './sequence-order.js';

/** Constraints of one environment type, checked. */
export interface TypeConstraints {
  readonly type: string;
  readonly limits: ReadonlyMap<string, ConcurrencyLimit>;
  readonly sequence: SequenceOrder;
}

/** Constraints by environment type; what is wrong with them goes to the problems. */
export function readConstraints(
  definition: NamespaceDefinition,
  problems: ProblemList,
): ReadonlyMap<string, TypeConstraints> {
  const read = new Map<string, TypeConstraints>();
  for (const [type, { concurrency }] of Object.entries(definition.constraints)) {
    if (!Object.hasOwn(definition.envs, type)) {
      const types = Object.keys(definition.envs);
      const known = types.length === 0 ? 'has none' : `has ${someOf(types.map(shownName))}`;
      const message = `${shownName(type)} is no environment type of the namespace, which ${known}`;
      problems.add('unknown-environment', ['constraints', type], message);
    }
    for (const [app, limit] of Object.entries(concurrency)) {
      const path = ['constraints', type, 'concurrency', app];
      const fault = faultOfLimit(limit);
      if (!Object.hasOwn(definition.apps, app)) {
        const message = `${shownName(app)} is no app of the namespace: add it to apps, or take its limit away`;
        problems.add('unknown-app', path, message);
      }
      if (fault !== undefined) problems.add('invalid-limit', path, `limit of ${shownName(app)}: ${fault}`);
    }
    const sequence = readSequence(definition, type, problems);
    if (sequence !== undefined)
      read.set(type, { type, limits: new Map(Object.entries(concurrency)), sequence });
  }
  return read;
}
