/**
 * Writes a list of targets as an expression that expands to exactly that list. The text is part of the signed spec:
 *
 * 1. Same targets, same order, same text; nothing but the list has an influence on it.
 * 2. Expanding it gives the list back: order, spelling, accounts, ports. (The list has each host once, as every
 *    expansion does.)
 * 3. Time is linear in the list, but for the number of tokens of a host; and once the lines of a list are known
 *    (host-lines.ts), in the parts of them that are folded.
 */
import type { HostSet } from '../host-set.js';
import {
  canBeChoice,
  dimensionOf,
  isNumeric,
  numbersOf,
  patternsOf,
  textOf,
  type Box,
  type Dimension,
} from './fold-boxes.js';
import { numberRun } from './fold-numbers.js';
import { HostLines, type Segment, singles } from './host-lines.js';
import { areAlike, differingPlace, tokenAt, tokensOf } from './host-tokens.js';
import { type Target, wrapHost } from './target.js';

/**
 * The targets as an expression such as `web[1-3,7].east`, order kept; empty for an empty list, which is no expression.
 */
export function foldTargets(targets: readonly Target[]): string {
  return new HostFolder(targets.map(({ host }) => host)).foldAs(targets);
}

/** How hosts are reached, where that differs from the job's own account and port. */
type Account = Pick<Target, 'user' | 'port'>;

/** Folds hosts of one list, any of them and as often as it takes: what is to be known of its names is worked out once. */
export class HostFolder {
  readonly #hosts: readonly string[];
  readonly #lines: HostLines;

  /** @param hosts not to be changed */
  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
    this.#lines = new HostLines(hosts);
  }

  /** Those of the set. */
  fold(set: HostSet): string {
    const only = set.length === 1 ? set[0]! : undefined;
    if (typeof only === 'number') return this.#hosts[only]!;
    const pattern = only && this.#lines.patternOf(...only);
    if (pattern !== undefined) return pattern;
    const segments: Segment[] = [];
    for (const item of set) {
      const [from, to] = typeof item === 'number' ? [item, item] : item;
      this.#lines.cut(from, to, segments);
    }
    return this.#fold(segments, {}).join(',');
  }

  /** All of them, with these accounts and ports. */
  foldAs(accounts: readonly Account[]): string {
    const patterns: string[] = [];
    for (let start = 0; start < accounts.length;) {
      const { user, port } = accounts[start]!;
      let end = start + 1;
      while (end < accounts.length && accounts[end]!.user === user && accounts[end]!.port === port) end++;
      const segments: Segment[] = [];
      this.#lines.cut(start, end - 1, segments);
      for (const pattern of this.#fold(segments, { user, port })) patterns.push(pattern);
      start = end;
    }
    return patterns.join(',');
  }

  #fold(
    segments: readonly Segment[],
    account: { user?: string | undefined; port?: number | undefined },
  ): string[] {
    const patterns: string[] = [];
    for (let start = 0; start < segments.length;) {
      const host = this.#hosts[segments[start]!.start]!;
      let end = start + 1;
      while (end < segments.length && areAlike(host, this.#hosts[segments[end]!.start]!)) end++;
      const extraLength = wrapHost('', host, account).length + 1;
      for (const box of this.#boxesOf(segments.slice(start, end))) {
        for (const pattern of patternsOf(box, extraLength)) patterns.push(wrapHost(pattern, host, account));
      }
      start = end;
    }
    return patterns;
  }

  /**
   * Joins neighbours, dimension by dimension from the fastest to the slowest. While a dimension is being joined, those
   * before it have one value each, so that the joined box names its hosts in the order of the list.
   *
   * The first dimension in which anything can be joined is the fastest in which some neighbours differ, and in no other: what
   * is joined there are the runs of such neighbours.
   */
  #boxesOf(segments: readonly Segment[]): readonly Box[] {
    let fastest = -1;
    for (const [at, segment] of segments.entries()) {
      fastest = Math.max(
        fastest,
        segment.place,
        at === 0 ? -1 : this.#placeBetween(segments[at - 1]!, segment),
      );
    }
    if (fastest < 0) return segments.map(({ start }) => tokensOf(this.#hosts[start]!));
    const parts = segments.flatMap((segment) =>
      segment.count === 1 || segment.place === fastest ? [segment] : singles(segment),
    );
    let boxes: readonly Box[] = this.#joinRuns(parts, fastest);
    for (let dimension = fastest - 1; dimension >= 0 && boxes.length > 1; dimension--) {
      boxes = joinNeighbours(boxes, dimension);
    }
    return boxes;
  }

  /** In which dimension the hosts differ where one segment follows another. */
  #placeBetween({ start, count }: Segment, after: Segment): number {
    return differingPlace(this.#hosts[start + count - 1]!, this.#hosts[after.start]!);
  }

  /** @param segments of which each is one host, or counts in this dimension */
  #joinRuns(segments: readonly Segment[], dimension: number): Box[] {
    const boxes: Box[] = [];
    for (let start = 0; start < segments.length;) {
      let end = start + 1;
      while (end < segments.length && this.#placeBetween(segments[end - 1]!, segments[end]!) === dimension)
        end++;
      const run = segments.slice(start, end);
      if (isNumeric(dimension)) boxes.push(this.#boxOfNumbers(run, dimension));
      else for (const box of this.#boxesOfTexts(run, dimension)) boxes.push(box);
      start = end;
    }
    return boxes;
  }

  /** Of one host, or of several that differ in this number. */
  #boxOfNumbers(run: readonly Segment[], dimension: number): Box {
    const first = run[0]!;
    const box: Dimension[] = tokensOf(this.#hosts[first.start]!);
    if (run.length === 1 && first.count === 1) return box;
    box[dimension] = numbersOf(
      run.map(({ start, numbers }) => numbers ?? numberRun(tokenAt(this.#hosts[start]!, dimension))),
    );
    return box;
  }

  /** Of one host, or of several that differ in this text. */
  #boxesOfTexts(run: readonly Segment[], dimension: number): readonly Box[] {
    const rows = run.map(({ start }) => tokensOf(this.#hosts[start]!));
    const values = rows.map((tokens) => tokens[dimension]!);
    if (rows.length === 1 || !values.every(canBeChoice)) return joinNeighbours(rows, dimension);
    const box: Dimension[] = [...rows[0]!];
    box[dimension] = dimensionOf(values, false);
    return [box];
  }
}

function joinNeighbours(boxes: readonly Box[], dimension: number): readonly Box[] {
  const joined: Box[] = [];
  for (let start = 0; start < boxes.length;) {
    const first = boxes[start]!;
    let end = start + 1;
    while (end < boxes.length && differOnlyIn(first, boxes[end]!, dimension)) end++;
    if (end === start + 1) joined.push(first);
    else {
      const values = boxes.slice(start, end).map((box) => textOf(box[dimension]!));
      const box = [...first];
      box[dimension] = dimensionOf(values, isNumeric(dimension));
      joined.push(box);
    }
    start = end;
  }
  return joined;
}

function differOnlyIn(one: Box, other: Box, dimension: number): boolean {
  if (!isNumeric(dimension) && !(canBeChoice(one[dimension]!) && canBeChoice(other[dimension]!)))
    return false;
  for (let place = one.length - 1; place >= 0; place--) {
    if (place !== dimension && textOf(one[place]!) !== textOf(other[place]!)) return false;
  }
  return true;
}
