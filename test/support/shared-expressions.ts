/**
 * Target expressions of the grammar that Pogo and ClusterShell share, made from a seed, each beside the hosts that it
 * must stand for, which are found here by other means than a parser's.
 *
 * Left out is what only one of the two takes, or takes in a sense of its own; the test of agreement lists that.
 */
import fc from 'fast-check';

export interface SharedExpression {
  /** As Pogo takes it: terms with white space between them. */
  readonly text: string;
  /** The terms apart, as `nodeset` takes a union of arguments. */
  readonly terms: readonly string[];
  /** In Pogo's order: that in which they came to stay, those of a pattern with the leftmost number slowest. */
  readonly hosts: readonly string[];
}

/** Distinct expressions; the same ones for the same options. */
export function sharedExpressions(options: { seed: number; count: number }): SharedExpression[] {
  const drawn = fc.sample(expression, { seed: options.seed, numRuns: 2 * options.count });
  return [...new Map(drawn.map((one) => [one.text, one])).values()].slice(0, options.count);
}

/** A piece of text beside all that it stands for. */
interface Piece {
  readonly text: string;
  readonly values: readonly string[];
}

interface Item extends Piece {
  /** Numbers and signs, between which white space may stand. */
  readonly tokens: readonly string[];
  /** The length of its first and last number, where they have the same. */
  readonly digits: number | undefined;
}

/** `first-last/step`, padded to `width` unless a number is longer. */
interface Bounds {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly width: number;
  /** Whether a range of one number is written as that number, and a step of 1 left out. */
  readonly isShort: boolean;
}

function itemOf({ first, last, step, width, isShort }: Bounds): Item {
  const isPadded = String(last).length <= width;
  const written = (number: number) => String(number).padStart(isPadded ? width : 0, '0');
  const values: string[] = [];
  for (let number = first; number <= last; number += step) values.push(written(number));
  const tokens = [written(first)];
  if (last > first || !isShort) {
    tokens.push('-', written(last));
    if (step > 1 || !isShort) tokens.push('/', String(step));
  }
  const digits = written(first).length === written(last).length ? written(first).length : undefined;
  return { text: tokens.join(''), values, tokens, digits };
}

/** `7`, `1-9/2`, `08-11`: as many as `most` numbers, small ones mostly, and others beside 10, 100 and 1000. */
const item = (most: number): fc.Arbitrary<Item> =>
  fc
    .record({
      first: fc.oneof(
        { weight: 4, arbitrary: fc.nat(12) },
        { weight: 1, arbitrary: fc.integer({ min: 90, max: 105 }) },
        { weight: 1, arbitrary: fc.nat(1020) },
      ),
      steps: fc.nat(most - 1),
      step: fc.constantFrom(1, 1, 1, 2, 3, 10),
      beyond: fc.nat(9),
      width: fc.constantFrom(0, 0, 0, 2, 3),
      isShort: fc.constantFrom(true, true, false),
    })
    .map(({ first, steps, step, beyond, width, isShort }) =>
      itemOf({ first, last: first + steps * step + (beyond % step), step, width, isShort }),
    );

/** A padded range up to the end of its width, and what would come next: `08-98/10,108-128/10`. */
const outgrown: fc.Arbitrary<Item[]> = fc
  .record({
    first: fc.nat(9),
    step: fc.constantFrom(10, 15, 30),
    steps: fc.nat(3),
    isShort: fc.constantFrom(true, false),
  })
  .map(({ first, step, steps, isShort }) => {
    const last = first + Math.floor((99 - first) / step) * step;
    const next = { first: last + step, last: last + step + steps * step };
    return [itemOf({ first, last, step, width: 2, isShort }), itemOf({ ...next, step, width: 0, isShort })];
  });

/** A range, with digits beside it where both read them alike: where all of its numbers are as long as each other. */
const range = (mostItems: number, most: number): fc.Arbitrary<Piece> =>
  fc
    .record({
      items: fc.oneof(
        { weight: 12, arbitrary: fc.array(item(most), { minLength: 1, maxLength: mostItems }) },
        { weight: mostItems > 2 ? 1 : 0, arbitrary: outgrown },
      ),
      space: fc.constantFrom('', '', '', '', '', ' ', '\t'),
      before: fc.constantFrom('', '', '1', '20', '0', '07'),
      after: fc.constantFrom('', '', '0', '5', '13'),
    })
    .map(({ items, space, before, after }) => {
      const { digits } = items[0]!;
      const isEven = digits !== undefined && items.every((one) => one.digits === digits);
      const isPlain = isEven && space === '' && items.every(({ tokens }) => !tokens.includes('/'));
      const [lead, trail] = [isEven ? before : '', isPlain ? after : ''];
      const inner = items.map(({ tokens }) => tokens.join(space)).join(`${space},${space}`);
      return {
        text: `${lead}[${space}${inner}${space}]${trail}`,
        values: items.flatMap(({ values }) => values.map((value) => `${lead}${value}${trail}`)),
      };
    });

const number: fc.Arbitrary<Piece> = fc
  .tuple(fc.oneof(fc.nat(15), fc.nat(120)), fc.constantFrom(0, 0, 2, 3))
  .map(([value, width]) => String(value).padStart(width, '0'))
  .map((text) => ({ text, values: [text] }));

/** What the hosts of a name have in common: texts with a number after each, and a text at the end. */
interface Name {
  readonly heads: readonly string[];
  readonly tail: string;
}

const name: fc.Arbitrary<Name> = fc.record({
  heads: fc
    .tuple(
      fc.constantFrom('web', 'n', 'rack', 'x-', 'node_', ''),
      fc.oneof(
        { weight: 5, arbitrary: fc.constant([]) },
        {
          weight: 4,
          arbitrary: fc.array(fc.constantFrom('n', '-', '.r', '_x', 'ib'), { minLength: 1, maxLength: 2 }),
        },
      ),
    )
    .map(([first, others]) => [first, ...others]),
  tail: fc.constantFrom('', '', '', '.east', '-ipmi', 'x', '.c.example.com'),
});

/** A number or a range for each place of a name: fewer values, the more places there are. */
function numbersOf({ heads }: Name): fc.Arbitrary<Piece[]> {
  const [mostItems, most] = [[4, 12] as const, [2, 4] as const, [2, 3] as const][heads.length - 1]!;
  const value = fc.oneof({ weight: 1, arbitrary: number }, { weight: 4, arbitrary: range(mostItems, most) });
  return fc.tuple(...heads.map(() => value));
}

function hosts({ heads, tail }: Name, numbers: readonly Piece[]): Piece {
  let text = '';
  let values = [''];
  for (const [place, piece] of numbers.entries()) {
    text += heads[place]! + piece.text;
    values = values.flatMap((host) => piece.values.map((one) => host + heads[place]! + one));
  }
  return { text: text + tail, values: values.map((host) => host + tail) };
}

function hostsOf(one: Name): fc.Arbitrary<Piece> {
  return numbersOf(one).map((numbers) => hosts(one, numbers));
}

/** The same numbers under two names. */
function twinsOf(one: Name): fc.Arbitrary<Piece> {
  return fc
    .tuple(numbersOf(one), fc.constantFrom('db', 'gw-'), fc.constantFrom('.west', one.tail))
    .map(([numbers, head, tail]) => {
      const twin = { heads: [head, ...one.heads.slice(1)], tail };
      const [left, right] = [hosts(one, numbers), hosts(twin, numbers)];
      return { text: `${left.text},${right.text}`, values: [...left.values, ...right.values] };
    });
}

const plain: fc.Arbitrary<Piece> = fc
  .constantFrom('mail', 'www', 'db', 'a-b.c')
  .map((text) => ({ text, values: [text] }));

const operator = fc.constantFrom(',', '!', '&', '^', ' , ', ' !', '& ', '\t^ ', ',  ');

/** Of two names and some hosts without a number, so that operands overlap. */
const expression: fc.Arbitrary<SharedExpression> = fc.tuple(name, name).chain(([one, other]) => {
  const operand = fc.oneof(
    { weight: 6, arbitrary: hostsOf(one) },
    { weight: 2, arbitrary: hostsOf(other) },
    { weight: 1, arbitrary: plain },
  );
  const beginning = fc.oneof({ weight: 6, arbitrary: operand }, { weight: 1, arbitrary: twinsOf(one) });
  const term = fc
    .tuple(beginning, fc.array(fc.tuple(operator, operand), { maxLength: 4 }))
    .map(([first, rest]): Piece => {
      let text = first.text;
      const set = new Set(first.values);
      for (const [symbol, piece] of rest) {
        text += symbol + piece.text;
        combine(set, symbol.trim(), new Set(piece.values));
      }
      return { text, values: [...set] };
    });
  return fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: term.map((only) => [only]) },
        { weight: 2, arbitrary: fc.array(term, { minLength: 2, maxLength: 3 }) },
      ),
      fc.constantFrom(' ', ' ', '  ', '\t', '\n'),
    )
    .map(([terms, space]) => ({
      text: terms.map(({ text }) => text).join(space),
      terms: terms.map(({ text }) => text),
      hosts: [...new Set(terms.flatMap(({ values }) => values))],
    }));
});

function combine(set: Set<string>, symbol: string, other: ReadonlySet<string>): void {
  if (symbol === '&') {
    for (const host of [...set]) if (!other.has(host)) set.delete(host);
    return;
  }
  for (const host of other) {
    if (symbol === '!') set.delete(host);
    else if (symbol === ',') set.add(host);
    else if (!set.delete(host)) set.add(host);
  }
}
