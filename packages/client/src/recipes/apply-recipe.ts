/**
 * `-R NAME [NAME=VALUE…]`: lays a recipe under the options that were given, and makes its command the operands.
 *
 * 1. What was given on the command line is stronger than the recipe, which is stronger than the configuration. One option
 *    only adds to the recipe: `--exclude`, since a host that a recipe leaves out stays out.
 * 2. Values of parameters are put into texts by what each text is (shell-text.ts, target-text.ts); what they are never
 *    decides whether a command is a shell string.
 */
import type { Configuration } from '../configuration/configuration.js';
import { isUrl, pathFrom } from '../configuration/path-from.js';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { commandOf } from '../run/command-operands.js';
import type { JobOptions } from '../run/prepare-job.js';
import { findRecipe, type Recipe } from './cookbook.js';
import { useCookbook } from './load-cookbook.js';
import { optionValue, renderedText, type ValueOf } from './option-value.js';
import { parameterValues, splitOperands } from './parameter-values.js';
import { isOption, type RecipeEntry } from './recipe-entries.js';
import { replacedBy } from './record-keys.js';
import { renderText } from './template.js';

/** Options and operands of a command line. */
export interface Given<O> {
  readonly options: O;
  readonly operands: readonly string[];
}

export interface RecipeContext {
  readonly environment: Environment;
  readonly configuration: Configuration;
  /** The keys of the options that the command has: others of a recipe are passed over. */
  readonly known: readonly string[];
}

/** @param name of the recipe */
export async function applyRecipe<O extends JobOptions>(
  name: string,
  { options, operands }: Given<O>,
  { environment, configuration, known }: RecipeContext,
): Promise<Result<Given<O>>> {
  const where = configuration.get('cookbook', options.cookbook);
  const cookbook = await useCookbook(environment, where);
  if (!cookbook.ok) return cookbook;
  const { file } = cookbook.value;
  const found = findRecipe(cookbook.value, name);
  if (!found.ok) return found;
  const recipe = found.value;
  const entries = entriesInForce(recipe, options);
  const { given, rest } = splitOperands(operands);
  const values = parameterValues(recipe, entries, given);
  if (!values.ok) return values;
  if (options.verbose === true) {
    const shown = [...values.value].map(([parameter, { value }]) => `${parameter}=${JSON.stringify(value)}`);
    environment.stderr.write(
      `pogo: recipe ${name} of ${file}${shown.length === 0 ? '' : `; ${shown.join(' ')}`}\n`,
    );
  }
  const use: RecipeUse = {
    recipe,
    file,
    valueOf: (parameter) => values.value.get(parameter)!,
    pathOf: (path) =>
      path === '-' || where === undefined || isUrl(where)
        ? path
        : pathFrom(where, path, environment.homeDirectory),
  };
  const set = optionsOf(use, entries);
  if (!set.ok) return set;
  const ours = Object.fromEntries(Object.entries(set.value).filter(([key]) => known.includes(key)));
  const exclude = [
    ...((set.value['exclude'] as readonly string[] | undefined) ?? []),
    ...(options.exclude ?? []),
  ];
  const merged = { ...ours, ...options, ...(exclude.length > 0 && { exclude }) };
  const command = commandFrom(use, entries, merged, rest);
  if (!command.ok) return command;
  return success({ ...command.value, options: { ...merged, ...command.value.options } });
}

/** What of the recipe the command line leaves in force (1). */
function entriesInForce({ entries }: Recipe, options: JobOptions): RecipeEntry[] {
  const given = Object.keys(options).filter((key) => key !== 'exclude');
  const replaced = new Set(given.flatMap((key) => [...replacedBy(key)]));
  return entries.filter(({ key }) => !replaced.has(key.slot));
}

interface RecipeUse {
  readonly recipe: Recipe;
  readonly file: string;
  readonly valueOf: ValueOf;
  pathOf(path: string): string;
}

function optionsOf(use: RecipeUse, entries: readonly RecipeEntry[]): Result<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const entry of entries.filter(isOption)) {
    const value = optionValue(entry, use.valueOf, use.pathOf);
    if (!value.ok) return wrongEntry(use, entry, value);
    if (value.key !== undefined) options[value.key] = value.value;
  }
  return success(options);
}

/** Operands, and the options that say how they are read (2). */
function commandFrom(
  use: RecipeUse,
  entries: readonly RecipeEntry[],
  { shell, argv, script }: JobOptions,
  rest: readonly string[],
): Result<Given<Pick<JobOptions, 'shell' | 'argv'>>> {
  const { recipe, valueOf } = use;
  const entry = entries.find(({ key }) => key.option === undefined);
  if (entry === undefined) return success({ options: {}, operands: rest });
  const [unexpected] = rest;
  if (unexpected !== undefined) {
    const advice = unexpected.startsWith('-')
      ? 'options come before the parameters'
      : `recipe ${recipe.name} says already what runs, and takes only parameters, as NAME=VALUE`;
    return usageFailure('unexpected-operand', `operand ${JSON.stringify(unexpected)}: ${advice}`);
  }
  const plain = () => success({ options: {}, operands: textsOf(entry, valueOf) });
  if (entry.key.name === 'args') {
    if (script !== undefined) return plain();
    const message = 'args are the arguments of a script, and the recipe names none: add file: SCRIPT';
    return wrongEntry(use, entry, { code: 'no-script', message });
  }
  if (shell === true && argv === true) return plain();
  const forced = shell === true ? 'shell' : argv === true || entry.isList ? 'argv' : undefined;
  const written = commandOf(
    entry.texts.map(({ text }) => text),
    forced,
  );
  if (!written.ok) return wrongEntry(use, entry, written.failure);
  if (written.value.kind !== 'shell')
    return success({ options: { argv: true }, operands: textsOf(entry, valueOf) });
  const text = renderedText(entry.texts[0]!, 'shell', valueOf);
  return text.ok
    ? success({ options: { shell: true }, operands: [text.value] })
    : wrongEntry(use, entry, text);
}

/** The words of a program or a script, byte for byte. */
function textsOf({ texts }: RecipeEntry, valueOf: ValueOf): string[] {
  return texts.map(({ template }) => renderText(template, (name) => valueOf(name).value));
}

function wrongEntry(
  { recipe, file }: RecipeUse,
  { key, place }: RecipeEntry,
  { code, message }: { readonly code: string; readonly message: string },
): Result<never> {
  return usageFailure(
    code,
    `recipe ${recipe.name}, ${file}:${place.line}:${place.column}: ${key.name}: ${message}`,
  );
}
