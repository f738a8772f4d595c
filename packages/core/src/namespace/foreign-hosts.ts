import { expandPattern } from '../targets/expand-pattern.js';
import type { Operand } from '../targets/expression.js';
import { parseTargets } from '../targets/parse.js';
import { quoted } from '../targets/target-error.js';
import { hostKey } from '../targets/target.js';
import type { NamespaceDefinition } from './definition.js';
import { type DefinitionPath, type NamespaceProblem, ProblemList } from './problem.js';

/**
 * Where a definition names hosts that are another namespace's (S6), one problem for each place that does. Pure.
 *
 * @param owners by host, as either namespace names it: whose it is, for the message: `namespace east (version 3)`
 */
export function foreignHosts(
  { apps, envs, aliases = {} }: NamespaceDefinition,
  owners: ReadonlyMap<string, string>,
): readonly NamespaceProblem[] {
  const byKey = new Map([...owners].map(([host, owner]) => [hostKey(host), owner]));
  const problems = new ProblemList();
  const check = (written: readonly string[], path: DefinitionPath, offset?: number) => {
    const foreign = written.filter((host) => byKey.has(hostKey(host)));
    if (foreign.length === 0) return;
    const [first] = foreign as [string, ...string[]];
    const more = foreign.length > 1 ? ` (and ${foreign.length - 1} more written here)` : '';
    problems.add(
      'host-of-another-namespace',
      path,
      `${quoted(first)}${more} is a host of ${byKey.get(hostKey(first))!}: a host belongs to one namespace, so take it out there first`,
      offset,
    );
  };
  const checkAll = (texts: readonly string[], path: DefinitionPath) => {
    for (const [index, text] of texts.entries()) {
      const parsed = parseTargets(text);
      if (!parsed.ok) continue;
      for (const { first, rest } of parsed.expression.terms)
        for (const operand of [first, ...rest.map((one) => one.operand)])
          check(writtenHosts(operand), [...path, index], operand.offset);
    }
  };
  for (const [app, texts] of Object.entries(apps)) checkAll(texts, ['apps', app]);
  for (const [type, values] of Object.entries(envs))
    for (const [value, texts] of Object.entries(values)) checkAll(texts, ['envs', type, value]);
  for (const [host, names] of Object.entries(aliases)) {
    for (const [index, name] of names.entries()) check([name], ['aliases', host, index]);
  }
  return problems.problems;
}

/** The hosts that an operand writes out. */
export function writtenHosts(operand: Operand): readonly string[] {
  if (operand.kind === 'host') return [operand.host];
  return operand.kind === 'pattern' && !operand.pattern.wildcard ? expandPattern(operand.pattern) : [];
}
