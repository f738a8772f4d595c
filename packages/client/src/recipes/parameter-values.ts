/** `NAME=VALUE` on the command line, and the defaults of what isn't given. */
import { similarTo } from '../command-line/similar.js';
import { type Result, success, usageFailure } from '../failure.js';
import type { Recipe } from './cookbook.js';
import { type Parameter, typeText, valueProblem } from './parameters.js';
import type { RecipeEntry } from './recipe-entries.js';
import type { TargetValue } from './target-text.js';
import { parameterNamePattern, referencesOf } from './template.js';

type GivenParameter = readonly [name: string, value: string];

/** Parameters come first; what follows is a command. */
export function splitOperands(operands: readonly string[]): {
  readonly given: readonly GivenParameter[];
  readonly rest: readonly string[];
} {
  const given: GivenParameter[] = [];
  for (const operand of operands) {
    const equals = operand.indexOf('=');
    const name = operand.slice(0, Math.max(0, equals));
    if (!parameterNamePattern.test(name)) break;
    given.push([name, operand.slice(equals + 1)]);
  }
  return { given, rest: operands.slice(given.length) };
}

/** The values of all that the entries need, each checked. */
export function parameterValues(
  { name: recipe, parameters }: Recipe,
  entries: readonly RecipeEntry[],
  given: readonly GivenParameter[],
): Result<ReadonlyMap<string, TargetValue>> {
  const values = new Map<string, TargetValue>();
  for (const [name, value] of given) {
    const parameter = parameters.get(name);
    if (parameter === undefined) return unknownParameter(recipe, name, parameters);
    if (values.has(name))
      return usageFailure(
        'duplicate-parameter',
        `parameter ${name} of ${recipe} is given twice: give it once`,
      );
    const problem = valueProblem(parameter, value);
    if (problem !== undefined)
      return usageFailure('invalid-parameter', `parameter ${name} of ${recipe}: ${problem}`);
    values.set(name, { isHosts: parameter.type === 'hosts', value });
  }
  const missing: Parameter[] = [];
  for (const name of referencedBy(entries)) {
    const parameter = parameters.get(name);
    if (parameter === undefined || values.has(name)) continue;
    if (parameter.default === undefined) missing.push(parameter);
    else values.set(name, { isHosts: parameter.type === 'hosts', value: parameter.default });
  }
  if (missing.length === 0) return success(values);
  const list = missing.map((parameter) => {
    const { name, description } = parameter;
    return `${name} (${typeText(parameter)}${description === undefined ? '' : `: ${description}`})`;
  });
  const example = missing.map(({ name }) => `${name}=…`).join(' ');
  return usageFailure(
    'missing-parameter',
    `recipe ${recipe} needs ${list.join(', ')}: give it after the options, as ${example}`,
  );
}

function referencedBy(entries: readonly RecipeEntry[]): ReadonlySet<string> {
  const texts = entries.flatMap((entry) => entry.texts);
  return new Set(texts.flatMap(({ template }) => referencesOf(template).map(({ name }) => name)));
}

function unknownParameter(
  recipe: string,
  name: string,
  parameters: ReadonlyMap<string, Parameter>,
): Result<never> {
  const similar = similarTo(name, parameters.keys());
  const known = [...parameters.keys()].join(', ');
  const advice =
    similar !== undefined ? `did you mean ${similar}?` : known === '' ? 'it has none' : `it has ${known}`;
  return usageFailure('unknown-parameter', `recipe ${recipe} has no parameter ${name}: ${advice}`);
}
