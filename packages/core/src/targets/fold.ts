/**
 * Writes a list of targets as an expression that expands to exactly that list. The text is part of the signed spec:
 *
 * 1. Same targets, same order, same text; nothing but the list has an influence on it.
 * 2. Expanding it gives the list back: order, spelling, accounts, ports. (The list has each host once, as every
 *    expansion does.)
 * 3. Time is linear in the list, but for the number of tokens of a host.
 */
import { canBeChoice, dimensionOf, isNumeric, patternsOf, textOf, tokensOf, type Box } from './fold-boxes.js';
import { wrapHost, type Target } from './target.js';

/**
 * The targets as an expression such as `web[1-3,7].east`, order kept; empty for an empty list, which is no expression.
 */
export function foldTargets(targets: readonly Target[]): string {
  const patterns: string[] = [];
  for (let start = 0; start < targets.length;) {
    const first = targets[start]!;
    const rows: string[][] = [tokensOf(first.host)];
    while (start + rows.length < targets.length) {
      const next = targets[start + rows.length]!;
      if (!isWrappedAlike(first, next)) break;
      const tokens = tokensOf(next.host);
      if (tokens.length !== rows[0]!.length) break;
      rows.push(tokens);
    }
    const extraLength = wrapHost('', first).length + 1;
    for (const box of foldRows(rows)) {
      for (const pattern of patternsOf(box, extraLength)) patterns.push(wrapHost(pattern, first));
    }
    start += rows.length;
  }
  return patterns.join(',');
}

function isWrappedAlike(one: Target, other: Target): boolean {
  return (
    one.user === other.user && one.port === other.port && one.host.includes(':') === other.host.includes(':')
  );
}

/**
 * Joins neighbours, dimension by dimension from the fastest to the slowest. While a dimension is being joined, those
 * before it have one value each, so that the joined box names its hosts in the order of the list.
 */
function foldRows(rows: readonly string[][]): readonly Box[] {
  let boxes: readonly Box[] = rows;
  for (let dimension = rows[0]!.length - 1; dimension >= 0 && boxes.length > 1; dimension--) {
    boxes = joinNeighbours(boxes, dimension);
  }
  return boxes;
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
