import { canonicalDigest, canonicalJson } from '@pogo/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const document = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value;

function shuffleKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffleKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffleKeys(member)]),
  );
}

describe('the canonical text', () => {
  it('is the same for any order of keys, and parses back to the same value', () => {
    fc.assert(
      fc.property(document, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffleKeys(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 5000 },
    );
  });

  it('takes an absent member and an undefined one as the same', () => {
    expect(canonicalDigest({ a: 1, b: undefined })).toBe(canonicalDigest({ a: 1 }));
  });

  it('refuses what has no one text: fractions, infinities, functions', () => {
    for (const value of [0.5, Infinity, NaN, 2 ** 60, () => 1, 1n]) {
      expect(() => canonicalJson({ value })).toThrow(TypeError);
    }
  });

  it('has a digest that does not change between versions (golden)', () => {
    expect(canonicalDigest({ version: 1, targets: 'web[1-3]', list: [1, 'é', null] })).toBe(
      'sha256:6527c3ca48caaf9948836aca1416d8bede5f769c48d641bf39b8fc9a613ed842',
    );
  });
});
