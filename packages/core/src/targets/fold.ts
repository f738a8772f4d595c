/**
 * Writes a list of targets as an expression that expands to exactly that list. The text is part of the signed spec:
 *
 * 1. Same targets, same order, same text; nothing but the list has an influence on it.
 * 2. Expanding it gives the list back: order, spelling, accounts, ports. (The list has each host once, as every
 *    expansion does.)
 * 3. Time is linear in the list, but for the number of tokens of a host.
 */
import {
  canBeChoice,
  dimensionOf,
  isNumeric,
  patternsOf,
  textOf,
  type Box,
  type Dimension,
} from './fold-boxes.js';
import { differingPlace, tokenAt, tokenCount, tokensOf } from './host-tokens.js';
import { wrapHost, type Target } from './target.js';

/**
 * The targets as an expression such as `web[1-3,7].east`, order kept; empty for an empty list, which is no expression.
 */
export function foldTargets(targets: readonly Target[]): string {
  const patterns: string[] = [];
  for (let start = 0; start < targets.length;) {
    const first = targets[start]!;
    const hosts = hostsAlike(targets, start);
    const extraLength = wrapHost('', first).length + 1;
    for (const box of foldHosts(hosts)) {
      for (const pattern of patternsOf(box, extraLength)) patterns.push(wrapHost(pattern, first));
    }
    start += hosts.length;
  }
  return patterns.join(',');
}

/** The hosts from a place on that are wrapped as the first of them is, and have as many tokens. */
function hostsAlike(targets: readonly Target[], start: number): string[] {
  const first = targets[start]!;
  const tokens = tokenCount(first.host);
  const isAddress = first.host.includes(':');
  const hosts: string[] = [];
  for (let at = start; at < targets.length; at++) {
    const { host, user, port } = targets[at]!;
    if (user !== first.user || port !== first.port || tokenCount(host) !== tokens) break;
    if (host.includes(':') !== isAddress) break;
    hosts.push(host);
  }
  return hosts;
}

/**
 * Joins neighbours, dimension by dimension from the fastest to the slowest. While a dimension is being joined, those
 * before it have one value each, so that the joined box names its hosts in the order of the list.
 *
 * The first dimension in which anything can be joined is the fastest in which some neighbours differ, and in no other: what
 * is joined there are the runs of such neighbours.
 */
function foldHosts(hosts: readonly string[]): readonly Box[] {
  const places = hosts.map((host, at) => (at === 0 ? -1 : differingPlace(hosts[at - 1]!, host)));
  let fastest = -1;
  for (const place of places) fastest = Math.max(fastest, place);
  if (fastest < 0) return hosts.map(tokensOf);
  let boxes: readonly Box[] = joinRuns(hosts, places, fastest);
  for (let dimension = fastest - 1; dimension >= 0 && boxes.length > 1; dimension--) {
    boxes = joinNeighbours(boxes, dimension);
  }
  return boxes;
}

/** @param places By host: in which dimension it differs from the one before. */
function joinRuns(hosts: readonly string[], places: readonly number[], dimension: number): Box[] {
  const boxes: Box[] = [];
  for (let start = 0; start < hosts.length;) {
    let end = start + 1;
    while (end < hosts.length && places[end] === dimension) end++;
    const run = hosts.slice(start, end);
    if (run.length === 1) boxes.push(tokensOf(run[0]!));
    else {
      const values = run.map((host) => tokenAt(host, dimension));
      if (isNumeric(dimension) || values.every(canBeChoice)) {
        const box: Dimension[] = tokensOf(run[0]!);
        box[dimension] = dimensionOf(values, isNumeric(dimension));
        boxes.push(box);
      } else {
        for (const box of joinNeighbours(run.map(tokensOf), dimension)) boxes.push(box);
      }
    }
    start = end;
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
