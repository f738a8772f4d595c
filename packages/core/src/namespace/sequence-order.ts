import type { NamespaceDefinition } from './definition.js';
import { dependencyOrder } from './dependency-order.js';
import { chainOf, type DefinitionPath, type ProblemList, shownName } from './problem.js';

/** Most apps in the sequences of one environment type. */
const maxApps = 1000;

/** The apps of one environment type's sequences, in an order that obeys all of them. */
export interface SequenceOrder {
  readonly apps: readonly string[];
  /** Whether the app at one place has to be done before the app at another, directly or by way of others (S4). */
  precedes(earlier: number, later: number): boolean;
}

/** Reads the sequences of an environment type; undefined when something is wrong, which the problems then have. */
export function readSequence(
  definition: NamespaceDefinition,
  type: string,
  problems: ProblemList,
): SequenceOrder | undefined {
  const lists = definition.constraints[type]!.sequence;
  const before = problems.found;
  const path: DefinitionPath = ['constraints', type, 'sequence'];
  const numbers = new Map<string, number>();
  /** By app: the apps right before it. */
  const needs: number[][] = [];
  /** The first list that has one app right before another, by both. */
  const listOf = new Map<string, number>();
  for (const [index, list] of lists.entries()) {
    const seen = new Set<string>();
    let previous: number | undefined;
    for (const [place, app] of list.entries()) {
      if (!Object.hasOwn(definition.apps, app)) {
        const message = `${shownName(app)} is no app of the namespace: add it to apps, or take it out of the sequence`;
        problems.add('unknown-app', [...path, index, place], message);
      } else if (seen.has(app)) {
        const message = `${shownName(app)} is in this sequence already: it can't come after itself`;
        problems.add('sequence-repeats', [...path, index, place], message);
      }
      seen.add(app);
      let number = numbers.get(app);
      if (number === undefined) {
        numbers.set(app, (number = numbers.size));
        needs.push([]);
      }
      if (previous !== undefined && previous !== number && !listOf.has(`${previous} ${number}`)) {
        needs[number]!.push(previous);
        listOf.set(`${previous} ${number}`, index);
      }
      previous = number;
    }
  }
  if (numbers.size > maxApps) {
    const message = `${numbers.size} apps are in the sequences of ${shownName(type)}, and at most ${maxApps} may be`;
    problems.add('sequence-too-long', path, message);
  }
  if (problems.found > before) return undefined;
  const names = [...numbers.keys()];
  const { order, cycles } = dependencyOrder(needs);
  for (const cycle of cycles) {
    // A cycle has each app before the next that it needs: read backwards it is the order that the lists ask for.
    const forwards = [cycle[0]!, ...cycle.slice(1).reverse()];
    const links = forwards.map((number, place) => `${number} ${forwards[(place + 1) % forwards.length]!}`);
    const last = Math.max(...links.map((link) => listOf.get(link)!));
    const chain = chainOf([...forwards, forwards[0]!].map((number) => names[number]!));
    problems.add(
      'sequence-cycle',
      [...path, last],
      `sequences go round in a circle: ${chain}; none could begin`,
    );
  }
  return cycles.length > 0 ? undefined : closedOrder(names, needs, order);
}

/** The order, with a table of what precedes what: as many bits as apps by apps. */
function closedOrder(
  names: readonly string[],
  needs: readonly (readonly number[])[],
  order: readonly number[],
): SequenceOrder {
  const size = order.length;
  const place: number[] = [];
  for (const [index, number] of order.entries()) place[number] = index;
  const table = new Uint8Array(size * size);
  for (const [later, number] of order.entries()) {
    for (const needed of needs[number]!) {
      const earlier = place[needed]!;
      table[later * size + earlier] = 1;
      for (let one = 0; one < earlier; one++)
        if (table[earlier * size + one] === 1) table[later * size + one] = 1;
    }
  }
  return {
    apps: order.map((number) => names[number]!),
    precedes: (earlier, later) => table[later * size + earlier] === 1,
  };
}
