/**
 * What folding of hosts is made of: a box is a row of dimensions, one per token of a host (host-tokens.ts), each with one
 * value or several, and stands for every combination, the leftmost dimension varying slowest: what the grammar means by
 * `rack[1-2]n[1-4]`.
 */
import { foldNumbers, numberRun, numberText, type NumberRun } from './fold-numbers.js';

/** Several values of one dimension, in order. */
export interface Values {
  readonly first: string;
  /** All of them, where they are words. */
  readonly words: readonly string[];
  /** As the grammar writes them: `[1-3,7]`, `{east,west}`. */
  readonly text: string;
}
export type Dimension = string | Values;
export type Box = readonly Dimension[];

/** Whether the dimension at this place holds numbers. */
export function isNumeric(dimension: number): boolean {
  return dimension % 2 === 1;
}

export function textOf(dimension: Dimension): string {
  return typeof dimension === 'string' ? dimension : dimension.text;
}

/** Whether a value can stand beside others in braces: not if it is empty; colons and `%` stay outside of braces. */
export function canBeChoice(value: Dimension): boolean {
  return typeof value === 'string' && value !== '' && !/[:%]/.test(value);
}

/** A dimension of several values, in this order. */
export function dimensionOf(values: readonly string[], numeric: boolean): Values {
  return numeric
    ? numbersOf(values.map(numberRun))
    : { first: values[0]!, words: values, text: foldWords(values) };
}

/** A dimension of several numbers, in this order. */
export function numbersOf(runs: readonly NumberRun[]): Values {
  return { first: numberText(runs[0]!, 0), words: [], text: `[${foldNumbers(runs)}]` };
}

/** Words as alternatives, with what they share up to a separator outside of the braces: `.{east,west}.example.com`. */
function foldWords(words: readonly string[]): string {
  const first = words[0]!;
  let prefix = first.length;
  let suffix = first.length;
  for (const word of words) {
    prefix = Math.min(prefix, word.length);
    suffix = Math.min(suffix, word.length);
    while (!word.startsWith(first.slice(0, prefix))) prefix--;
    while (!word.endsWith(first.slice(first.length - suffix))) suffix--;
  }
  while (prefix > 0 && !isSeparator(first[prefix - 1]!)) prefix--;
  while (suffix > 0 && !isSeparator(first[first.length - suffix]!)) suffix--;
  if (words.some((word) => word.length <= prefix + suffix)) prefix = suffix = 0;
  const inner = words.map((word) => word.slice(prefix, word.length - suffix));
  return `${first.slice(0, prefix)}{${inner.join(',')}}${first.slice(first.length - suffix)}`;
}

function isSeparator(character: string): boolean {
  return character === '.' || character === '-' || character === '_';
}

/**
 * The box as patterns, each of them to be wrapped in account and port, that together name its hosts in order: one, or,
 * where alternatives of words are its only braces and writing them out isn't longer, one for each word.
 * `extraLength` is what wrapping and joining add to each pattern.
 */
export function patternsOf(box: Box, extraLength: number): string[] {
  const whole = box.map(textOf).join('');
  const several = box.flatMap((dimension, place) =>
    typeof dimension === 'string' ? [] : [{ dimension, place }],
  );
  const words = several.filter(({ place }) => !isNumeric(place));
  const only = words[0];
  if (only === undefined || words.length > 1 || several[0] !== only) return [whole];
  const rest = whole.length - only.dimension.text.length;
  let length = 0;
  for (const word of only.dimension.words) length += rest + word.length + extraLength;
  if (length > whole.length + extraLength) return [whole];
  const before = box.slice(0, only.place).map(textOf).join('');
  const after = box
    .slice(only.place + 1)
    .map(textOf)
    .join('');
  return only.dimension.words.map((word) => `${before}${word}${after}`);
}
