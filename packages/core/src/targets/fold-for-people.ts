/** Headings: hosts in natural order, folded as far as the grammar goes, whatever order they came in. */
import {
  canBeChoice,
  dimensionOf,
  isNumeric,
  patternsOf,
  textOf,
  type Box,
  type Dimension,
} from './fold-boxes.js';
import { tokensOf } from './host-tokens.js';
import { hostKey } from './target.js';

/** The set of hosts, without accounts and ports, as short as it goes: `web[1-40,42]`. Order isn't kept. */
export function foldForPeople(hosts: Iterable<string>): string {
  const distinct = new Map<string, string>();
  for (const host of hosts) {
    const key = hostKey(host);
    if (!distinct.has(key)) distinct.set(key, host);
  }
  const rows = [...distinct.values()].map(tokensOf).sort(compareTokens);
  const boxes = [...groupBy(rows, shapeOf).values()].flatMap(foldSet);
  return boxes
    .map((box) => ({ box, first: box.map(firstOf) }))
    .sort((one, other) => compareTokens(one.first, other.first))
    .flatMap(({ box }) => patternsOf(box, 1))
    .join(',');
}

/** Only hosts with as many tokens fold together; and an address with no name. */
function shapeOf(row: readonly string[]): string {
  return `${row.length}${row.some((token) => token.includes(':')) ? ':' : ''}`;
}

function foldSet(rows: readonly string[][]): readonly Box[] {
  let boxes: readonly Box[] = rows;
  const places = rows[0]!.map((_token, place) => place).reverse();
  for (const place of places.filter(isNumeric)) boxes = joinAll(boxes, place);
  for (const place of places.filter((candidate) => !isNumeric(candidate))) boxes = joinAll(boxes, place);
  return boxes;
}

function firstOf(dimension: Dimension): string {
  return typeof dimension === 'string' ? dimension : dimension.first;
}

/** Joins boxes that differ in this dimension alone, wherever they are. */
function joinAll(boxes: readonly Box[], place: number): readonly Box[] {
  const joined: Box[] = [];
  const others = (box: Box) =>
    isNumeric(place) || canBeChoice(box[place]!)
      ? box.map((dimension, at) => (at === place ? '' : textOf(dimension))).join('\0')
      : `${box.map(textOf).join('\0')}\0`;
  for (const alike of groupBy(boxes, others).values()) {
    const first = alike[0]!;
    if (alike.length === 1) joined.push(first);
    else {
      const box = [...first];
      box[place] = dimensionOf(
        alike.map((one) => textOf(one[place]!)),
        isNumeric(place),
      );
      joined.push(box);
    }
  }
  return joined;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Natural order: numbers by value, then by length; texts by code unit. */
function compareTokens(one: readonly string[], other: readonly string[]): number {
  for (let place = 0; place < one.length && place < other.length; place++) {
    const [left, right] = [one[place]!, other[place]!];
    if (left === right) continue;
    if (isNumeric(place)) return Number(left) - Number(right) || left.length - right.length;
    return left < right ? -1 : 1;
  }
  return one.length - other.length;
}
