/** Lists are folded by their lines; here against a plain way that looks at one name after another. */
import { foldTargets, hostIndexes, HostFolder, hostKey, membersOf, toHostSet, unionOf } from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compiled, definitionOf } from './namespace-fixture.js';

const runs = { numRuns: 1000 };

/** Rows of numbers that count up or down, padded or not, near the places at which a number gets another digit. */
const row = fc
  .record({
    first: fc.oneof(
      fc.nat(12),
      fc.integer({ min: 90, max: 105 }),
      fc.integer({ min: 995, max: 1003 }),
      fc.constant(999_999_999_999_995),
    ),
    count: fc.integer({ min: 1, max: 9 }),
    step: fc.constantFrom(1, 1, 1, 2, 3, -1, 0),
    width: fc.constantFrom(0, 0, 2, 3, 4),
  })
  .map(({ first, count, step, width }) =>
    Array.from({ length: count }, (_, at) =>
      String(Math.max(0, first + at * step)).padStart(width, '0'),
    ).filter((text) => text.length <= 15),
  )
  .filter((texts) => texts.length > 0);
const numbers = fc.array(row, { minLength: 1, maxLength: 6 }).map((rows) => [...new Set(rows.flat())]);

/** Names of several shapes, those of a row one after another. */
const names = fc
  .array(
    fc.tuple(
      fc.constantFrom('web', 'n', 'rack2n', 'a1b', 'fe80::', ''),
      row,
      fc.constantFrom('', '.east', 'x3', '::'),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((rows) => {
    const all = rows.flatMap(([before, texts, after]) => texts.map((text) => `${before}${text}${after}`));
    return [...new Map(all.map((host) => [hostKey(host), host])).values()];
  });

/** The range list of numbers one by one: always the longest row that counts up evenly from the first one that is left. */
function plainRanges(texts: readonly string[]): string {
  const items: string[] = [];
  for (let start = 0; start < texts.length;) {
    const first = texts[start]!;
    const width = first.length > 1 && first.startsWith('0') ? first.length : 0;
    const step = Number(texts[start + 1] ?? NaN) - Number(first);
    let end = start;
    while (
      step >= 1 &&
      texts[end + 1] === String(Number(texts[end]!) + step).padStart(width, '0') &&
      (width === 0 || texts[end + 1]!.length === width)
    )
      end++;
    const range = `${first}-${texts[end]!}`;
    if (end > start && step === 1) items.push(range);
    else if (end - start >= 3) items.push(`${range}/${step}`);
    else {
      items.push(first);
      end = start;
    }
    start = end + 1;
  }
  return items.join(',');
}

describe('folding by lines', () => {
  it('writes numbers as one would that looks at one after another', () => {
    fc.assert(
      fc.property(numbers, (texts) => {
        const hosts = texts.map((text) => `h${text}.east`);
        const ranges = texts.length === 1 ? texts[0]! : `[${plainRanges(texts)}]`;
        expect(new HostFolder(hosts).fold(toHostSet(hosts.keys()))).toBe(`h${ranges}.east`);
      }),
      runs,
    );
  });

  it('writes any part of a list as it writes that part alone', () => {
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.boolean()), (hosts, isIn) => {
        const part = hosts.flatMap((_host, index) => (isIn.next().value === true ? [index] : []));
        const alone = foldTargets(part.map((index) => ({ host: hosts[index]! })));
        expect(new HostFolder(hosts).fold(toHostSet(part))).toBe(alone);
      }),
      runs,
    );
  });

  it('writes no hosts as nothing, and one as its name', () => {
    const folder = new HostFolder(['web1', 'web2', 'web3']);
    expect([folder.fold([]), folder.fold([1]), folder.fold([[1, 2]]), folder.fold([0, 2])]).toEqual([
      '',
      'web2',
      'web[2-3]',
      'web[1,3]',
    ]);
  });

  it('ends a padded row where a number has more digits, also in the middle of a line', () => {
    const hosts = ['h00', 'x', ...Array.from({ length: 11 }, (_, at) => `h${10 * (at + 1)}`)];
    expect(new HostFolder(hosts).fold([0, [2, 12]])).toBe('h[00-90/10,100,110]');
  });
});

it('joins sets of hosts as sets', () => {
  const indexes = fc.uniqueArray(fc.nat(30), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(indexes, { maxLength: 5 }), (lists) => {
      const union = unionOf(lists.map((list) => toHostSet(list)));
      expect(union).toEqual(toHostSet(new Set(lists.flat())));
      expect([...hostIndexes(union)]).toEqual([...new Set(lists.flat())].sort((a, b) => a - b));
    }),
    runs,
  );
});

it('finds the members of a list as it finds each of them, in whatever order and spelling they come', () => {
  const definition = definitionOf({ apps: { a: ['h[0-9]'] }, aliases: { h3: ['other'], h5: ['h05'] } });
  const namespace = compiled(definition);
  const host = fc.oneof(
    fc.nat(11).map((number) => `h${number}`),
    fc.constantFrom('H4', 'other', 'h05', 'x'),
  );
  const rising = fc
    .tuple(fc.nat(9), fc.nat(9))
    .map(([from, count]) => Array.from({ length: count }, (_, at) => `h${from + at}`));
  fc.assert(
    fc.property(fc.array(fc.oneof(rising, fc.array(host, { maxLength: 4 })), { maxLength: 4 }), (lists) => {
      const hosts = lists.flat();
      expect([...membersOf(namespace, hosts)]).toEqual(hosts.map((one) => namespace.memberOf(one) ?? -1));
    }),
    runs,
  );
});
