/** Recipes for people and for programs. */
import type { Cookbook, Recipe } from '../recipes/cookbook.js';
import { type Parameter, typeText } from '../recipes/parameters.js';
import type { RecipeEntry } from '../recipes/recipe-entries.js';
import { neutralise } from './escape.js';
import { table } from './table.js';

/** What `pogo recipes list` prints. */
export function recipeList({ recipes }: Cookbook): string {
  const rows = [...recipes.values()].map(({ name, parameters, description = '' }) => [
    name,
    [...parameters.keys()].join(' '),
    inOneLine(description),
  ]);
  return rows.length === 0 ? '' : table([['recipe', 'parameters', 'description'], ...rows]);
}

/** What `pogo recipes show` prints. */
export function recipeText(recipe: Recipe): string {
  const { name, description, bases, entries, parameters } = recipe;
  const heading = [
    `${name}${description === undefined ? '' : `: ${neutralise(description.trimEnd())}`}\n`,
    ...(bases.length === 0 ? [] : [`based on ${bases.join(', then ')}\n`]),
  ].join('');
  const sections = [
    heading,
    section(
      ['key', 'value', 'from', 'line'],
      entries.map((entry) => [entry.key.name, valueText(entry), entry.record, String(entry.place.line)]),
    ),
    section(
      ['parameter', 'type', 'default', 'description'],
      [...parameters.values()].map((parameter) => [
        parameter.name,
        typeText(parameter),
        parameter.default === undefined ? '(required)' : quotedWhereOdd(parameter.default),
        inOneLine(parameter.description ?? ''),
      ]),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

/** A recipe as JSON has it: what it sets and where each comes from, inherited or not. */
export function recipeDocument({ name, description, bases, place, entries, parameters }: Recipe) {
  return {
    name,
    ...(description !== undefined && { description }),
    basedOn: bases,
    ...place,
    values: entries.map(({ key, texts, isList, record, place: { line, column } }) => ({
      key: key.name,
      value: isList ? texts.map(({ text }) => text) : texts[0]!.text,
      record,
      line,
      column,
    })),
    parameters: [...parameters.values()].map(parameterDocument),
  };
}

function parameterDocument(parameter: Parameter) {
  return { ...parameter, required: parameter.default === undefined };
}

function section(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : table([heading, ...rows]);
}

function valueText({ texts, isList }: RecipeEntry): string {
  if (!isList) return quotedWhereOdd(texts[0]!.text);
  return `[${texts.map(({ text }) => (/^[^\s,[\]"']+$/.test(text) ? text : JSON.stringify(text))).join(', ')}]`;
}

/** What has several lines, or nothing, in one. */
function quotedWhereOdd(text: string): string {
  return text === '' || /[\n\t]|^\s|\s$/.test(text) ? JSON.stringify(text) : text;
}

function inOneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
