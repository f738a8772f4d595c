import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neutralise } from '../src/render/escape.js';

describe('neutralised text', () => {
  it('has no character that a terminal would obey, whatever came in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = neutralise(text);
        // Category "control" but for tab and line feed; category "format", which reorders and hides.
        expect(shown.replace(/[\t\n]/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u);
        expect(neutralise(shown)).toBe(shown);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves what people write as it is', () => {
    for (const text of ['plain', 'tab\tand\nline', 'äöü ß é 😀 漢字', 'a^b<U+0041>'])
      expect(neutralise(text)).toBe(text);
  });

  it('spells out what it takes away', () => {
    expect(neutralise('\x1b[31m\x07\x7f\x9b\u202e')).toBe('^[[31m^G^?<U+009B><U+202E>');
  });
});
