/**
 * A list of hosts as lines: hosts one after another that count up evenly in one of their numbers, and differ in nothing
 * else. Lists are long, and most of them are a few lines, of which any part is known without reading its names.
 *
 * 1. The numbers of a line are all written to the same width, or all without zeros before them.
 */
import { foldRun, type NumberRun, numberRun } from './fold-numbers.js';
import { isNumeric } from './fold-boxes.js';
import { differingPlace, maxDigits, tokenAt, tokensOf } from './host-tokens.js';

/** Hosts of a list, one after another, that count up; or one host. */
export interface Segment {
  /** Index of the first of them. */
  readonly start: number;
  readonly count: number;
  /** The place of the number in which they differ; -1 of one host. */
  readonly place: number;
  /** Undefined of one host. */
  readonly numbers: NumberRun | undefined;
}

/** What the hosts of a line have in common, and what they differ in. */
interface Line {
  /** Of the number. */
  readonly place: number;
  readonly before: string;
  readonly numbers: NumberRun;
  readonly after: string;
}

export class HostLines {
  readonly #hosts: readonly string[];
  /** Indexes of the first hosts of lines. */
  readonly #starts: number[] = [];
  /** Undefined where it is one host. */
  readonly #lines: (Line | undefined)[] = [];

  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
    for (let start = 0; start < hosts.length;) {
      const line = lineFrom(hosts, start);
      this.#starts.push(start);
      this.#lines.push(line);
      start += line?.numbers.count ?? 1;
    }
  }

  /** The hosts from the first to the last one as a pattern, if they are several, and part of one line. */
  patternOf(from: number, to: number): string | undefined {
    const at = this.#lineOf(from);
    const line = this.#lines[at];
    if (line === undefined || to === from) return undefined;
    const start = this.#starts[at]!;
    const { first, count, step, width } = line.numbers;
    if (to - start >= count) return undefined;
    const run = { first: first + step * (from - start), count: to - from + 1, step, width };
    return `${line.before}[${foldRun(run)}]${line.after}`;
  }

  /** Adds the parts of lines that make up these hosts, from the first to the last one. */
  cut(from: number, to: number, segments: Segment[]): void {
    for (let at = this.#lineOf(from), first = from; first <= to; at++) {
      const start = this.#starts[at]!;
      const last = Math.min(to, (this.#starts[at + 1] ?? this.#hosts.length) - 1);
      segments.push(partOf(this.#lines[at], start, first, last));
      first = last + 1;
    }
  }

  /** Which line a host is in. */
  #lineOf(host: number): number {
    let [from, to] = [0, this.#starts.length];
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if (this.#starts[middle]! <= host) from = middle;
      else to = middle;
    }
    return from;
  }
}

/** The hosts of a segment each by itself. */
export function singles({ start, count }: Segment): Segment[] {
  return Array.from({ length: count }, (_, at) => ({
    start: start + at,
    count: 1,
    place: -1,
    numbers: undefined,
  }));
}

function partOf(line: Line | undefined, lineStart: number, start: number, last: number): Segment {
  const count = last - start + 1;
  if (line === undefined || count === 1) return { start, count, place: -1, numbers: undefined };
  const { first, step, width } = line.numbers;
  return {
    start,
    count,
    place: line.place,
    numbers: { first: first + step * (start - lineStart), count, step, width },
  };
}

/** The longest line from a host on; undefined when that is the host alone. */
function lineFrom(hosts: readonly string[], start: number): Line | undefined {
  if (start + 1 >= hosts.length) return undefined;
  const host = hosts[start]!;
  const place = differingPlace(host, hosts[start + 1]!);
  if (place < 0 || !isNumeric(place)) return undefined;
  const tokens = tokensOf(host);
  const { first, width } = numberRun(tokens[place]!);
  const step = Number(tokenAt(hosts[start + 1]!, place)) - first;
  if (step < 1) return undefined;
  const before = tokens.slice(0, place).join('');
  const after = tokens.slice(place + 1).join('');
  let count = 1;
  for (let number = first + step; start + count < hosts.length; number += step, count++) {
    const digits = String(number).padStart(width, '0');
    if (digits.length > (width === 0 ? maxDigits : width)) break;
    if (hosts[start + count] !== before + digits + after) break;
  }
  return count === 1 ? undefined : { place, before, numbers: { first, count, step, width }, after };
}
