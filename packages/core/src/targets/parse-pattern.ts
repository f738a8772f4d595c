import type { Pattern, PatternPart, RangeItem } from './expression.js';
import { formatCount, targetError, type TargetError, type TargetFault } from './target-error.js';

/** Deepest nesting of braces. */
const maxDepth = 16;
/** Longest number in a range, in digits: all of them are exact. */
const maxDigits = 15;

/** Most pieces (operands, texts, ranges, alternatives) of one expression: what bounds the memory of its tree. */
export const maxPieces = 2_000_000;

const digits = /\d+/y;
const space = /\s+/y;

/** Where a pattern stands, which decides the characters that its text may have. */
export type PatternPlace = 'host' | 'address' | 'group';

const textOf: Record<PatternPlace, RegExp> = {
  host: /[A-Za-z0-9._*?-]+/y,
  address: /[A-Za-z0-9._:%-]+/y,
  group: /[A-Za-z0-9._-]+/y,
};
/** Alternatives have no colon, so that a port or an address's colons stand outside of braces. */
const choiceTextOf: Record<PatternPlace, RegExp> = {
  host: textOf.host,
  address: /[A-Za-z0-9._-]+/y,
  group: textOf.group,
};

/**
 * Reads patterns at a position of a text. A method that fails returns undefined, and the first failure is in
 * `failure`.
 */
export class PatternReader {
  readonly text: string;
  position = 0;
  failure: TargetError | undefined;
  #pieces = 0;

  constructor(text: string) {
    this.text = text;
  }

  fail(fault: Omit<TargetFault, 'offset'> & { offset?: number }): undefined {
    this.failure ??= targetError(this.text, { offset: this.position, ...fault });
    return undefined;
  }

  /** Counts a piece of the tree; fails beyond the limit. */
  spend(): boolean {
    if (++this.#pieces <= maxPieces) return true;
    const expected = `at most ${formatCount(maxPieces)} hosts, ranges and alternatives written out`;
    this.fail({ code: 'expression-too-long', length: 0, found: 'more', expected });
    return false;
  }

  /** Takes what the sticky expression matches here. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.position;
    const match = expression.exec(this.text);
    if (match === null) return undefined;
    this.position += match[0].length;
    return match[0];
  }

  /** Reads text, ranges and alternatives until something that can't go on a pattern; never empty at depth 0. */
  pattern(place: PatternPlace, depth = 0): Pattern | undefined {
    const parts: PatternPart[] = [];
    let count = 1;
    let wildcard = false;
    for (;;) {
      const text = this.take(depth === 0 ? textOf[place] : choiceTextOf[place]);
      if (text !== undefined) {
        if (!this.spend()) return undefined;
        parts.push({ kind: 'text', text });
        wildcard ||= text.includes('*') || text.includes('?');
        continue;
      }
      const next = this.text[this.position];
      if (next !== '[' && next !== '{') break;
      const part = next === '[' ? this.range() : this.choice(place, depth + 1);
      if (part === undefined) return undefined;
      parts.push(part);
      if (part.kind === 'text') continue;
      count *= part.count;
      wildcard ||= part.kind === 'choice' && part.alternatives.some((alternative) => alternative.wildcard);
    }
    return { parts, count, wildcard };
  }

  private choice(place: PatternPlace, depth: number): PatternPart | undefined {
    if (depth > maxDepth) {
      return this.fail({ code: 'nested-too-deep', expected: `braces at most ${maxDepth} deep` });
    }
    const opened = this.position++;
    const alternatives: Pattern[] = [];
    let count = 0;
    for (;;) {
      const alternative = this.pattern(place, depth);
      if (alternative === undefined || !this.spend()) return undefined;
      alternatives.push(alternative);
      count += alternative.count;
      const next = this.text[this.position];
      if (next !== ',' && next !== '}') {
        const expected = `"," or "}" for the "{" at position ${opened + 1}`;
        const code = next === undefined ? 'unclosed-brace' : 'unexpected-character';
        return this.fail({ code, expected });
      }
      this.position++;
      if (next === '}') return { kind: 'choice', alternatives, count };
    }
  }

  private range(): PatternPart | undefined {
    const opened = this.position++;
    const items: RangeItem[] = [];
    let count = 0;
    for (;;) {
      const item = this.rangeItem(opened);
      if (item === undefined || !this.spend()) return undefined;
      items.push(item);
      count += Math.floor((item.last - item.first) / item.step) + 1;
      const next = this.afterSpace();
      if (next !== ',' && next !== ']') {
        return this.fail({
          code: next === undefined ? 'unclosed-bracket' : 'range-syntax',
          expected: `"," or "]" for the "[" at position ${opened + 1}`,
        });
      }
      this.position++;
      if (next === ']') return { kind: 'range', items, count };
    }
  }

  private rangeItem(opened: number): RangeItem | undefined {
    this.take(space);
    const start = this.position;
    const first = this.number(opened);
    if (first === undefined) return undefined;
    const width = first.length > 1 && first.startsWith('0') ? first.length : 0;
    if (this.afterSpace() !== '-') return { first: Number(first), last: Number(first), step: 1, width };
    this.position++;
    const last = this.number(opened);
    if (last === undefined) return undefined;
    const length = this.position - start;
    const padded = last.length > 1 && last.startsWith('0');
    if (padded ? last.length !== width : last.length < width) {
      const expected =
        width > 0 ? `an end of at least ${width} digits, as the start has` : 'an end without leading zeros';
      return this.fail({ code: 'range-padding', offset: start, length, expected });
    }
    if (Number(last) < Number(first)) {
      return this.fail({
        code: 'range-backwards',
        offset: start,
        length,
        expected: 'a range that counts upwards',
      });
    }
    if (this.afterSpace() !== '/') return { first: Number(first), last: Number(last), step: 1, width };
    this.position++;
    this.take(space);
    const stepAt = this.position;
    const step = this.number(opened);
    if (step === undefined) return undefined;
    if (Number(step) === 0) {
      return this.fail({
        code: 'range-step',
        offset: stepAt,
        length: step.length,
        expected: 'a step of at least 1',
      });
    }
    return { first: Number(first), last: Number(last), step: Number(step), width };
  }

  /** The next character that isn't white space, which may stand anywhere between the numbers of a range. */
  private afterSpace(): string | undefined {
    this.take(space);
    return this.text[this.position];
  }

  private number(opened: number): string | undefined {
    this.take(space);
    const start = this.position;
    const text = this.take(digits);
    if (text === undefined) {
      if (start < this.text.length) return this.fail({ code: 'range-syntax', expected: 'a number' });
      return this.fail({
        code: 'unclosed-bracket',
        expected: `a number, and "]" for the "[" at position ${opened + 1}`,
      });
    }
    if (text.length <= maxDigits) return text;
    return this.fail({
      code: 'number-too-long',
      offset: start,
      length: text.length,
      expected: `a number of at most ${maxDigits} digits`,
    });
  }
}
