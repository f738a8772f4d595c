import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import { problem, type ProblemAnswer } from './answer.js';

const shownNames = 20;

/** @param path of the name in the request */
export function unknownNamespace(
  { all }: Pick<ServedNamespaces, 'all'>,
  name: string,
  path: string,
): ProblemAnswer {
  const names = all.slice(0, shownNames).map(({ identity }) => identity.name);
  const more = all.length - names.length;
  const known = `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return problem(
    'unknown-namespace',
    `There is no namespace ${JSON.stringify(name)} here: there ${all.length === 1 ? 'is only' : 'are'} ${known}. To make it, apply its first file with \`pogo ns apply FILE --namespace NAME --create\` (If-None-Match: *).`,
    { errors: [{ path, message: `no such namespace; there ${all.length === 1 ? 'is' : 'are'} ${known}` }] },
  );
}
