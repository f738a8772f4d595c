import type { Pattern, PatternPart, RangeItem } from './expression.js';

/**
 * Every text that the pattern stands for, the leftmost part varying slowest; `pattern.count` of them. Check the count
 * before.
 */
export function expandPattern(pattern: Pattern): string[] {
  let texts = [''];
  for (const part of pattern.parts) {
    const values = valuesOf(part);
    if (values.length === 1) {
      const value = values[0]!;
      texts = texts.map((text) => text + value);
      continue;
    }
    const longer: string[] = [];
    for (const text of texts) for (const value of values) longer.push(text + value);
    texts = longer;
  }
  return texts;
}

function valuesOf(part: PatternPart): string[] {
  switch (part.kind) {
    case 'text':
      return [part.text];
    case 'range':
      return numbers(part.items);
    case 'choice': {
      const values: string[] = [];
      for (const alternative of part.alternatives)
        for (const value of expandPattern(alternative)) values.push(value);
      return values;
    }
  }
}

function numbers(items: readonly RangeItem[]): string[] {
  const texts: string[] = [];
  for (const { first, last, step, width } of items) {
    for (let number = first; number <= last; number += step) {
      const text = String(number);
      texts.push(text.length < width ? text.padStart(width, '0') : text);
    }
  }
  return texts;
}
