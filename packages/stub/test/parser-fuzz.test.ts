/** Control lines that no stub of ours wrote: cut, doubled, swapped, with bytes changed. The parser takes none of them for more than it says. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type StubEvent, createStubParser } from '@pogo/stub';

const nonce = '0123456789abcdef';
const cases = 120_000;

const number = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '7',
    '128',
    '137',
    '255',
    '2147483646',
    '9999999999',
    '00',
    '-1',
    '',
    ' ',
    '1e9',
    '٣',
  ),
  fc.nat(300).map(String),
);
const flag = fc.constantFrom('', '1', '0', '12', '2');
const word = fc.constantFrom(
  'cut',
  'silent',
  'space',
  'place',
  'exec',
  'fence',
  'constructor',
  '__proto__',
  'Cut',
  '',
);

function line(...parts: (fc.Arbitrary<string> | string)[]): fc.Arbitrary<string> {
  return fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((some) => some.join(' '));
}

const end = fc.oneof(line(number, number, flag, flag, flag), line('-', number, flag, flag), fc.constant(''));

/** Every kind of line that the text writes, with fields that fit and such that don't. */
const payload = fc.oneof(
  fc.constantFrom('b', 'e', 'q', 'v', 'r 0', 'b 42 1', 'b 42 1 1', 's 42  ', 'e 0 0 0 1 ', 'n 7 12 1 99'),
  line(fc.constantFrom('b', 's'), number, flag, flag),
  line('e', end),
  line(
    'o',
    number,
    number,
    number,
    number.chain((day) => end.map((some) => `${day}/1 2/${some}`)),
  ),
  line(
    'o',
    number,
    number,
    number,
    number.map((day) => `${day}//`),
  ),
  line(fc.constantFrom('l', 'n'), number, number, number, number),
  line('u', number, number, number, number, number, number),
  line(fc.constantFrom('f', 'r'), number),
  line('x', word),
);

const mutation = fc.oneof(
  { weight: 6, arbitrary: fc.constant((text: string) => text) },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(600), fc.nat(255)).map(([at, byte]) => (text: string) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + String.fromCharCode(byte) + text.slice(position + 1);
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(600), fc.nat(40)).map(([at, length]) => (text: string) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + text.slice(position + length);
    }),
  },
  { weight: 1, arbitrary: fc.nat(40).map((length) => (text: string) => text + text.slice(-length)) },
  { weight: 1, arbitrary: fc.constant((text: string) => text.replace('\n', 'x'.repeat(600))) },
);

const stream = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: payload.map((some) => `\x1epogo-${nonce} ${some}\n`) },
      { weight: 1, arbitrary: fc.constantFrom('output', '\x1e', `\x1epogo-${nonce}`, '\n') },
    ),
    { maxLength: 5 },
  )
  .chain((lines) => mutation.map((mutate) => mutate(lines.join(''))));

/** In some of the cases the stream begins as a stub's does: the rest would be noise otherwise. */
const stdout = fc.oneof(
  { weight: 4, arbitrary: stream.map((rest) => `\x1epogo-${nonce} b\n${rest}`) },
  { weight: 1, arbitrary: stream },
);

const stderr = fc.oneof(
  { weight: 1, arbitrary: fc.constant(`\x1epogo-${nonce} b\n\x1epogo-${nonce} e\n`) },
  { weight: 2, arbitrary: stream },
);

const order = ['ready', 'settled', 'send', 'received', 'started', 'ended'];
const last = ['ended', 'busy', 'fenced', 'refused', 'protocol-error'];

function parse(pieces: readonly Buffer[], errors: Buffer): StubEvent[] {
  const parser = createStubParser({ nonce });
  const events = [...pieces.flatMap((piece) => parser.stdout(piece)), ...parser.stderr(errors)];
  return [...events, ...parser.finish()].filter(({ kind }) => !['stdout', 'stderr', 'noise'].includes(kind));
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

it(
  `${cases.toLocaleString('en')} streams of control lines, sound and broken: whole or in pieces they say the same, in a stub's order, with numbers that are numbers`,
  { timeout: 120_000 },
  () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(stdout, stderr, fc.array(fc.nat(2000), { maxLength: 4 }), (out, err, cuts) => {
        const bytes = Buffer.from(out, 'latin1');
        const errors = Buffer.from(err, 'latin1');
        const whole = parse([bytes], errors);
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const inPieces = parse(
          at.slice(1).map((to, index) => bytes.subarray(at[index], to)),
          errors,
        );
        if (JSON.stringify(inPieces) !== JSON.stringify(whole)) expect(inPieces).toEqual(whole);
        // A probe ends in silence; everything else has one last word.
        const kinds = whole.map(({ kind }) => kind);
        const terminal = kinds.findIndex((kind) => last.includes(kind));
        if (terminal >= 0 ? terminal !== kinds.length - 1 : kinds.at(-1) !== 'settled') {
          expect(kinds).toBe('ended by one last event');
        }
        const ranks = kinds.map((kind) => order.indexOf(kind)).filter((rank) => rank >= 0);
        if (
          ranks.some(
            (rank, index) => rank < (ranks[index - 1] ?? 0) && !(rank === 1 && (ranks[index - 1] ?? 0) <= 3),
          )
        ) {
          expect(kinds).toBe("in a stub's order");
        }
        if (
          ['ready', 'started', 'send', 'received'].some((kind) => kinds.filter((k) => k === kind).length > 1)
        ) {
          expect(kinds).toBe('said once');
        }
        for (const value of numbersIn(whole)) {
          if (!Number.isSafeInteger(value) || value < 0) expect(whole).toBe('made of whole numbers');
        }
        for (const kind of kinds) seen.add(kind);
      }),
      { numRuns: cases },
    );
    // Else nothing was shown.
    expect([...seen].sort()).toEqual([...order, ...last.filter((kind) => kind !== 'ended')].sort());
  },
);
