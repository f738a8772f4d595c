/** Damage for fuzz tests: takes something valid apart and puts it together wrongly. */
import type { SeededRandom } from './seeded-random.js';

export interface MutationSource<T> {
  /** Valid samples: where mutants begin, and where foreign pieces come from. */
  corpus: readonly T[];
  /** Pieces that mean something to the parser. */
  tokens: readonly T[];
  /** Most changes to one sample; each mutant has at least one. 4 by default. */
  changes?: number;
}

const oddCharacters = [
  '\0',
  '\n',
  '\r',
  '\t',
  ' ',
  '"',
  '\\',
  '%',
  '\x7f',
  'é',
  '\u2028',
  '\ud800',
  '😀',
  '\ufeff',
];

export function mutateText(random: SeededRandom, source: MutationSource<string>): string {
  let text = random.pick(source.corpus);
  for (let left = random.between(1, source.changes ?? 4); left > 0; left -= 1)
    text = changeText(text, random, source);
  return text;
}

function changeText(text: string, random: SeededRandom, source: MutationSource<string>): string {
  const { at, end } = stretch(text.length, random);
  const [before, piece, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  switch (random.below(9)) {
    case 0:
      return before + after;
    case 1:
      return before + piece + piece + after;
    case 2:
      return before + random.pick(source.tokens) + piece + after;
    case 3:
      return before + random.pick(source.tokens) + after;
    case 4: {
      const other = random.pick(source.corpus);
      const from = stretch(other.length, random);
      return before + other.slice(from.at, from.end) + after;
    }
    case 5:
      return before;
    case 6:
      return before + random.pick(oddCharacters) + piece + after;
    case 7: {
      if (at >= text.length) return text;
      const flipped = text.charCodeAt(at) ^ (1 << random.below(random.once(8) ? 16 : 7));
      return before + String.fromCharCode(flipped) + text.slice(at + 1);
    }
    default: {
      const times = 2 ** random.between(1, 8);
      return before + (text[at] ?? random.pick(oddCharacters)).repeat(times) + text.slice(at + 1);
    }
  }
}

/** Values at the borders of the integers that formats use as lengths and counts. */
const borderNumbers = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

export function mutateBytes(random: SeededRandom, source: MutationSource<Uint8Array>): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(source.corpus));
  for (let left = random.between(1, source.changes ?? 4); left > 0; left -= 1)
    bytes = changeBytes(bytes, random, source);
  return bytes;
}

function changeBytes(bytes: Buffer, random: SeededRandom, source: MutationSource<Uint8Array>): Buffer {
  const { at, end } = stretch(bytes.length, random);
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.below(9)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, piece, piece, after]);
    case 2:
      return Buffer.concat([before, random.pick(source.tokens), piece, after]);
    case 3:
      return Buffer.concat([before, random.bytes(end - at), after]);
    case 4: {
      const other = random.pick(source.corpus);
      const from = stretch(other.length, random);
      return Buffer.concat([before, other.subarray(from.at, from.end), after]);
    }
    case 5:
      return before;
    case 6: {
      if (bytes.length < 4) return bytes;
      const changed = Buffer.from(bytes);
      changed.writeUInt32BE(random.pick(borderNumbers), random.below(bytes.length - 3));
      return changed;
    }
    default: {
      // Twice as likely as the others: a single flip gets deepest into a parser.
      if (bytes.length === 0) return bytes;
      const changed = Buffer.from(bytes);
      const place = random.below(bytes.length);
      changed[place] = changed[place]! ^ (1 << random.below(8));
      return changed;
    }
  }
}

/** A place, and the end of a mostly short stretch behind it. */
function stretch(length: number, random: SeededRandom): { at: number; end: number } {
  const at = random.below(length + 1);
  const most = random.once(4) ? length - at : Math.min(8, length - at);
  return { at, end: at + random.below(most + 1) };
}

/** What JSON can hold, as its parser gives it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddKeys = ['__proto__', 'constructor', 'toString', '', '0', 'length', 'then', 'version', 'kind'];
const oddValues: readonly Json[] = [
  ...[null, true, false, '', '0', '__proto__', '\0', '\ud800', '😀', [], {}, [[]], [null]],
  ...[0, -0, 1, -1, 0.5, 1e21, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, 65535, 65536],
];

/** The source's tokens are values that mean something to the schema. Neither corpus nor tokens are changed. */
export function mutateJson(random: SeededRandom, source: MutationSource<Json>): Json {
  let document = structuredClone(random.pick(source.corpus));
  for (let left = random.between(1, source.changes ?? 4); left > 0; left -= 1)
    document = changeJson(document, random, source);
  return document;
}

function changeJson(document: Json, random: SeededRandom, source: MutationSource<Json>): Json {
  // Walks down to a random place, and changes what is found there.
  if (typeof document !== 'object' || document === null || random.once(8))
    return random.once(6) ? replacement(document, random, source) : changeScalar(document, random, source);
  if (Array.isArray(document)) return changeArray(document, random, source);
  const keys = Object.keys(document);
  if (keys.length === 0 || random.once(6)) return changeMembers(document, keys, random, source);
  const key = random.pick(keys);
  return withMember(document, key, changeJson(document[key]!, random, source));
}

function changeArray(items: Json[], random: SeededRandom, source: MutationSource<Json>): Json {
  const at = random.below(items.length + 1);
  switch (random.below(items.length === 0 ? 1 : 4)) {
    case 0:
      return [...items.slice(0, at), replacement(null, random, source), ...items.slice(at)];
    case 1:
      return [...items.slice(0, at), ...items.slice(at + 1)];
    case 2:
      return [...items, ...items];
    default: {
      const place = random.below(items.length);
      return items.map((item, index) => (index === place ? changeJson(item, random, source) : item));
    }
  }
}

function changeMembers(
  members: { [key: string]: Json },
  keys: readonly string[],
  random: SeededRandom,
  source: MutationSource<Json>,
): Json {
  const key = keys.length === 0 ? random.pick(oddKeys) : random.pick(keys);
  const value = Object.hasOwn(members, key) ? members[key]! : null;
  const others = Object.fromEntries(Object.entries(members).filter(([name]) => name !== key));
  switch (random.below(4)) {
    case 0:
      return others;
    case 1:
      return withMember(others, random.once(2) ? `${key}${key}` : random.pick(oddKeys), value);
    case 2:
      return withMember(members, random.pick(oddKeys), replacement(value, random, source));
    default:
      // The same members in another order.
      return Object.fromEntries(Object.entries(members).reverse());
  }
}

function changeScalar(value: Json, random: SeededRandom, source: MutationSource<Json>): Json {
  if (typeof value === 'number')
    return random.once(2) ? value + random.between(-2, 2) : value * random.pick([-1, 0.5, 10, 1e6]);
  if (typeof value === 'string' && value !== '') {
    const texts = { corpus: [value], tokens: [...oddKeys, ...oddCharacters], changes: 2 };
    return mutateText(random, texts);
  }
  return replacement(value, random, source);
}

function replacement(value: Json, random: SeededRandom, source: MutationSource<Json>): Json {
  switch (random.below(6)) {
    case 0:
      return random.pick(oddValues);
    case 1:
      return [structuredClone(value)];
    case 2:
      return withMember({}, random.pick(oddKeys), structuredClone(value));
    case 3: {
      let nested: Json = structuredClone(value);
      for (let depth = 2 ** random.below(8); depth > 0; depth -= 1) nested = [nested];
      return nested;
    }
    default:
      return structuredClone(random.pick(source.tokens));
  }
}

/** As a JSON parser would set it: `__proto__` is a member like any other. */
function withMember(members: { [key: string]: Json }, key: string, value: Json): { [key: string]: Json } {
  const changed = { ...members };
  Object.defineProperty(changed, key, { value, enumerable: true, configurable: true, writable: true });
  return changed;
}
