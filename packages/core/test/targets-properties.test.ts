import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  explainTargetError,
  foldForPeople,
  foldTargets,
  hostKey,
  isHost,
  resolveTargets,
  type GroupSource,
  type Target,
} from '@pogo/core';

const runs = { numRuns: 10_000 };

/** A text of the grammar beside what it must stand for, found by other means than the parser's. */
interface Sample {
  readonly text: string;
  readonly hosts: readonly string[];
}

const word = fc.constantFrom('a', 'b', 'web', 'east', 'x-y', 'c.d');
const range: fc.Arbitrary<Sample> = fc
  .array(
    fc.record({
      first: fc.nat(12),
      length: fc.nat(4),
      step: fc.integer({ min: 1, max: 3 }),
      width: fc.constantFrom(0, 0, 2, 3),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((items) => {
    const texts: string[] = [];
    const hosts: string[] = [];
    for (const { first, length, step, width } of items) {
      const numbers = Array.from({ length: length + 1 }, (_value, index) => first + index * step);
      // An unpadded start would make the padding of its end an error.
      const padTo = String(first).padStart(width, '0').startsWith('0') ? width : 0;
      const padded = numbers.map((number) => String(number).padStart(padTo, '0'));
      hosts.push(...padded);
      const [from, to] = [padded[0]!, padded.at(-1)!];
      texts.push(length === 0 ? from : `${from}-${to}${step === 1 ? '' : `/${step}`}`);
    }
    return { text: `[${texts.join(',')}]`, hosts };
  });
const choice: fc.Arbitrary<Sample> = fc
  .array(word, { minLength: 1, maxLength: 3 })
  .map((words) => ({ text: `{${words.join(',')}}`, hosts: words }));
const part: fc.Arbitrary<Sample> = fc.oneof(
  range,
  choice,
  word.map((text) => ({ text, hosts: [text] })),
);
const pattern: fc.Arbitrary<Sample> = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) =>
  parts.reduce((left, right) => ({
    text: left.text + right.text,
    hosts: left.hosts.flatMap((prefix) => right.hosts.map((suffix) => prefix + suffix)),
  })),
);
/** From a small world, so that operands overlap. */
const overlapping: fc.Arbitrary<Sample> = fc.oneof(
  fc.tuple(fc.constantFrom('h', 'g'), range).map(([name, numbers]) => ({
    text: name + numbers.text,
    hosts: numbers.hosts.map((number) => name + number),
  })),
  pattern,
);
const operator = fc.constantFrom(',', '!', '&', '^', ' , ', ' !', '& ', '\n^');
const term: fc.Arbitrary<Sample> = fc
  .tuple(overlapping, fc.array(fc.tuple(operator, overlapping), { maxLength: 3 }))
  .map(([first, rest]) => {
    let text = first.text;
    let set = new Set(first.hosts);
    for (const [symbol, other] of rest) {
      text += symbol + other.text;
      const right = new Set(other.hosts);
      const left = set;
      if (symbol.includes(',')) set = new Set([...left, ...right]);
      if (symbol.includes('!')) set = new Set([...left].filter((host) => !right.has(host)));
      if (symbol.includes('&')) set = new Set([...left].filter((host) => right.has(host)));
      if (symbol.includes('^')) {
        const onlyRight = [...right].filter((host) => !left.has(host));
        set = new Set([...[...left].filter((host) => !right.has(host)), ...onlyRight]);
      }
    }
    return { text, hosts: [...set] };
  });
const expression: fc.Arbitrary<Sample> = fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => ({
  text: terms.map(({ text }) => text).join(' '),
  hosts: [...new Set(terms.flatMap(({ hosts }) => hosts))],
}));

const address = fc.oneof(
  fc.nat(30).map((number) => `fe80::${number}`),
  fc.tuple(fc.nat(3), fc.nat(12)).map(([left, right]) => `2001:db8:${left}::${right}%eth${left}`),
);
const digits = fc.oneof(
  fc.nat(15).map(String),
  fc.nat(120).map((number) => String(number).padStart(3, '0')),
  fc.constantFrom('00', '0123456789012345678'),
);
const name = fc
  .tuple(
    fc.constantFrom('h', 'web', 'H', 'n-', ''),
    digits,
    fc.constantFrom('', '.east', '.west.x', 'n', '-b'),
    digits,
  )
  .chain(([head, first, middle, second]) =>
    fc.constantFrom(head + first, head + first + middle, `${head}${first}${middle || '.'}${second}`),
  );
const target: fc.Arbitrary<Target> = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: name },
      { weight: 1, arbitrary: address },
      { weight: 1, arbitrary: word },
    ),
    fc.constantFrom(undefined, undefined, undefined, 'root', 'ad\\min'),
    fc.constantFrom(undefined, undefined, undefined, 22, 22022),
  )
  .map(([host, user, port]) => ({
    host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
  }));
/** Lists as expansions give them: each host once, in any order, with runs and products among them. */
const targets: fc.Arbitrary<Target[]> = fc
  .array(
    fc.oneof(
      target.map((one) => [one]),
      overlapping.map(({ hosts }) => hosts.map((host) => ({ host }))),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((lists) => distinct(lists.flat()));

function distinct(list: readonly Target[]): Target[] {
  const seen = new Map<string, Target>();
  for (const one of list) if (!seen.has(hostKey(one.host))) seen.set(hostKey(one.host), one);
  return [...seen.values()];
}

function expanded(text: string): Target[] {
  const result = resolveTargets(text);
  if (!result.ok) throw new Error(explainTargetError(text, result.error));
  return result.targets;
}

describe('laws of the target grammar', () => {
  it('expands and combines as sets that keep their order do', () => {
    fc.assert(
      fc.property(expression, ({ text, hosts }) => {
        expect(
          expanded(text)
            .map(({ host }) => host)
            .join(' '),
        ).toBe(hosts.join(' '));
      }),
      runs,
    );
  });

  it('gives a folded list back in its order', () => {
    fc.assert(
      fc.property(targets, (list) => {
        expect(JSON.stringify(expanded(foldTargets(list)))).toBe(JSON.stringify(list));
      }),
      runs,
    );
  });

  it('folds the same list to the same text, however the list was written', () => {
    fc.assert(
      fc.property(targets, (list) => {
        const text = foldTargets(list);
        expect(foldTargets(structuredClone(list))).toBe(text);
        expect(foldTargets(expanded(text))).toBe(text);
      }),
      runs,
    );
  });

  it('shows people the same set of hosts, whatever their order', () => {
    fc.assert(
      fc.property(targets, (list) => {
        const hosts = list.map(({ host }) => host);
        const text = foldForPeople(hosts);
        expect(foldForPeople([...hosts].reverse())).toBe(text);
        expect(
          expanded(text)
            .map(({ host }) => host)
            .sort(),
        ).toEqual([...hosts].sort());
      }),
      runs,
    );
  });

  it('obeys the laws of union, intersection and difference', () => {
    const set = (text: string) => new Set(expanded(text).map(({ host }) => host));
    fc.assert(
      fc.property(overlapping, overlapping, overlapping, ({ text: a }, { text: b }, { text: c }) => {
        expect(set(`${a},${b}`)).toEqual(set(`${b} ${a}`));
        expect(set(`${a}&${b}`)).toEqual(set(`${b}&${a}`));
        expect(set(`${a}^${b}`)).toEqual(set(`${a}!${b} ${b}!${a}`));
        expect(set(`${a},${b}!${c}`)).toEqual(set(`${a}!${c} ${b}!${c}`));
        expect(set(`${a}!${b}!${a}`).size).toBe(0);
      }),
      runs,
    );
  });
});

describe('wildcards', () => {
  /** As it is defined: `*` is any text, `?` one character, everything else itself. */
  function isMatch(wanted: string, name: string): boolean {
    if (wanted === '') return name === '';
    const rest = wanted.slice(1);
    if (wanted.startsWith('*')) return isMatch(rest, name) || (name !== '' && isMatch(wanted, name.slice(1)));
    return name !== '' && (wanted.startsWith('?') || wanted[0] === name[0]) && isMatch(rest, name.slice(1));
  }

  const letters = (...from: string[]) => fc.array(fc.constantFrom(...from), { minLength: 1, maxLength: 9 });
  const names = fc.uniqueArray(
    letters('a', 'b', '.').map((chosen) => chosen.join('')),
    { minLength: 1, maxLength: 12 },
  );
  const wanted = letters('*', '*', '?', 'a', 'b', '.').map((chosen) => chosen.join(''));

  it('find exactly the known hosts that they stand for, in their order', () => {
    fc.assert(
      fc.property(names, wanted, (drawn, text) => {
        fc.pre(/[*?]/.test(text));
        const known = drawn.filter(isHost).map((host) => ({ host }));
        const none = () => undefined;
        const groups = { app: none, environment: none, knownHosts: () => known };
        const found = resolveTargets(text, { groups });
        expect(found.ok ? found.targets.map(({ host }) => host) : []).toEqual(
          known.map(({ host }) => host).filter((host) => isMatch(text, host)),
        );
      }),
      runs,
    );
  });
});

describe('a parser that meets anything', () => {
  const groups: GroupSource = {
    app: (app) => (app.startsWith('a') ? [{ host: 'a1' }, { host: 'b1', port: 22 }] : undefined),
    environment: (type, value) => (type === value ? [{ host: type }] : undefined),
    knownHosts: () => [{ host: 'a1' }, { host: 'web1.east' }, { host: '::1' }],
  };
  const readLines = (path: string) => (path === 'a' ? ['a1 # x', 'web[1-3]!a', ''] : undefined);

  function survives(text: string): void {
    const fault = faultOf(text);
    if (fault !== undefined) throw new Error(`${fault}: ${JSON.stringify(text)}`);
  }

  /** What is wrong with the answer for a text; conditions instead of expectations, for their speed. */
  function faultOf(text: string): string | undefined {
    const result = resolveTargets(text, { groups, readLines }, { limit: 200 });
    if (result.ok) {
      const { targets: list } = result;
      if (list.length > 200) return 'beyond the limit';
      if (!list.every(({ host }) => isHost(host) && !host.startsWith('-'))) return 'not a host';
      if (list.length > 0 && JSON.stringify(expanded(foldTargets(list))) !== JSON.stringify(list))
        return 'misfolded';
      return undefined;
    }
    const { offset, length, message, found, expected } = result.error;
    if (offset < 0 || length < 0 || offset + length > text.length) return 'a place outside of the text';
    if (message === '' || found === '' || expected === '') return 'an error that says nothing';
    if (/[^\n\x20-\x7e…]/.test(explainTargetError(text, result.error)))
      return 'raw characters in an explanation';
    return undefined;
  }

  it('answers with hosts or a place for pieces of the grammar in any order', () => {
    const pieces =
      'a|b1|web|-|--|[|]|{|}|(|)|,|,| |\n|!|&|^|@|@*|@file:|@file:a|"|#|:|::|:22|%|%eth0|*|?|.|/|1|2|01|3-5|[1-3]|[01-10/2]|{a,b}|root@|\0|é|\ud800|999999999999999|9999999999999999|[1-999999]'.split(
        '|',
      );
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((chosen) => chosen.join(''));
    fc.assert(fc.property(text, survives), { numRuns: 100_000 });
  });

  it('answers with hosts or a place for a good expression with a piece changed', () => {
    const damaged = fc
      .tuple(expression, fc.nat(), fc.nat(3), fc.string({ maxLength: 2 }))
      .map(([{ text }, at, removed, inserted]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + inserted + text.slice(place + removed);
      });
    fc.assert(fc.property(damaged, survives), runs);
  });

  it('answers with hosts or a place for arbitrary strings and bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 12 });
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      bytes.map((raw) => String.fromCharCode(...raw)),
    );
    fc.assert(fc.property(text, survives), { numRuns: 30_000 });
  });
});
