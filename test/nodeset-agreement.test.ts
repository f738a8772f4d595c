/**
 * Target expressions beside ClusterShell's `nodeset`, which operators know: on expressions of the grammar that both
 * have, both name the same hosts, and each reads what the other folds.
 *
 * `nodeset` sorts, so hosts are compared as sets; Pogo keeps an order, which is compared with that of the generator's
 * own model. Where the two differ, the tables of differences say so.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foldTargets, resolveTargets } from '@pogo/core';
import {
  builtCli,
  type CommandResult,
  createTemporaryDirectory,
  runCommand,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askNodeset, nodeset, type NodesetAnswer } from './support/nodeset.js';
import { type SharedExpression, sharedExpressions } from './support/shared-expressions.js';

const seed = 20_261_122;
const count = 6000;
/** How many of them the commands themselves are asked about, besides the libraries. */
const sampleCount = 100;
const cli = builtCli(join(fileURLToPath(import.meta.url), '../..'));

interface Compared {
  readonly shared: SharedExpression;
  /** Pogo's hosts, in order. */
  readonly hosts: readonly string[];
  readonly folded: string;
  readonly nodeset: Taken;
  /** What `nodeset` reads in Pogo's folded text. */
  readonly refolded: Taken;
}
type Taken = Exclude<NodesetAnswer, { refused: string }>;

const refusedByBoth = [
  ...['a,', 'a,,b', ',a', '!a', 'a!', 'a!&b', 'a & ', 'n[1-2]!', 'n[1-2],,b', 'n]', 'n[[1-2]]'],
  ...['n[1', 'n[', 'n[1-', 'n[]', 'n[1,]', 'n[,1]', 'n[a]', 'n[1-a]', 'n[1-]', 'n[1-2/]', 'n[1 2]', 'n[1:2]'],
  ...['n[3-1]', 'n[1-9/0]', 'n[5/2]', 'n[01-9]', 'n[1-09]', 'n[01-010]', 'n[98-0101]'],
];

/** `[]` is nothing, undefined a refusal; nodeset's hosts as it folds them where they are many. */
type Reading = readonly string[] | undefined;

const differences: readonly [about: string, expression: string, pogo: Reading, nodeset: Reading][] = [
  ['hosts stay in the order of their mention', 'c,b,a', ['c', 'b', 'a'], ['a', 'b', 'c']],
  ['names are the same without regard to case', 'Web1,web1', ['Web1'], ['Web1', 'web1']],
  ['an account is no part of the name', 'admin@web1!web1', [], ['admin@web1']],
  ['a port is no part of the name', 'web1:22!web1', [], ['web1:22']],
  ['addresses are the same by value', '::1,0::1', ['::1'], ['0::1', '::1']],
  ['white space is union in an argument too', 'a b', ['a', 'b'], ['a b']],
  ['braces hold alternatives', 'w{a,b}', ['wa', 'wb'], ['b}', 'w{a']],
  ['digits before a range are text, not part of its bounds', 'n1[9-10]', ['n19', 'n110'], ['n[19-110]']],
  ['so they are before a padded number', 'n0[9-10]', ['n09', 'n010'], undefined],
  ['digits after a range with a step are text', 'n[1-9/4]0', ['n10', 'n50', 'n90'], undefined],
  ['ranges may touch', 'n[1-2][3-4]', ['n13', 'n14', 'n23', 'n24'], undefined],
  ['a padded range may outgrow its width', 'n[09-100/91]', ['n09', 'n100'], undefined],
  ['a step needs a range', 'n[5/1]', undefined, ['n5']],
  ['an end is padded as its start is', 'n[0-00]', undefined, ['n0']],
  ['no number is below 0', 'n[-1]', undefined, ['n-1']],
  ['numbers of ranges have 15 digits at most', 'n[1000000000000000]', undefined, ['n1000000000000000']],
  ['what is no host name is an error', 'a..b', undefined, ['a..b']],
  ['parentheses are an error', '(a)', undefined, ['(a)']],
  ['a wildcard without a match is an error', 'web*', undefined, []],
  ['an unknown group is an error', '@nowhere', undefined, []],
  ['an empty expression is an error', '', undefined, []],
];

/** The last two are nodeset's own: what follows a stepped run at once, or a padded number, begins another item. */
const foldingDifferences: readonly [
  about: string,
  expression: string,
  pogo: string,
  mode: 'folded' | 'stepped',
  nodeset: string,
][] = [
  ['keeps the order', 'web3,web2,web1', 'web[3,2,1]', 'folded', 'web[1-3]'],
  ['writes steps without being asked', 'web[1,3,5,7]', 'web[1-7/2]', 'folded', 'web[1,3,5,7]'],
  ['writes alternatives in braces', 'web[1-3],db[1-3]', '{web,db}[1-3]', 'folded', 'db[1-3],web[1-3]'],
  ['joins neighbours only', 'r1n1,r2n1,r1n2,r2n2', 'r[1-2]n1,r[1-2]n2', 'folded', 'r[1-2]n[1-2]'],
  [
    'leaves numbers beyond 15 digits alone',
    'h1000000000000001,h1000000000000002',
    'h1000000000000001,h1000000000000002',
    'folded',
    'h[1000000000000001-1000000000000002]',
  ],
  ['joins runs that touch', 'n[2-8/2,9-21/3]', 'n[2-8/2,9-21/3]', 'stepped', 'n[2-8/2,9,12-21/3]'],
  ['goes on behind a padded number', 'n[007,998-1000]', 'n[007,998-1000]', 'stepped', 'n[007,998-999,1000]'],
];

let home: TemporaryDirectory;
let corpus: readonly Compared[];
/** What nodeset makes of the single expressions of the tables. */
let readings: ReadonlyMap<string, NodesetAnswer>;

beforeAll(async () => {
  home = createTemporaryDirectory();
  const expressions = sharedExpressions({ seed, count });
  const ours = expressions.map(({ text }) => hostsOf(text));
  const folded = ours.map(foldHosts);
  const [answers, refolded] = await Promise.all([
    askNodeset(expressions.map(({ terms }) => terms)),
    askNodeset(folded.map((text) => [withoutBraces(text)])),
  ]);
  corpus = expressions.map((shared, index) => ({
    shared,
    hosts: ours[index]!,
    folded: folded[index]!,
    nodeset: taken(shared.text, answers[index]!),
    refolded: taken(folded[index]!, refolded[index]!),
  }));
  const single = [...differences, ...foldingDifferences].map(([, expression]) => expression);
  single.push(...refusedByBoth);
  const read = await askNodeset(single.map((expression) => [expression]));
  readings = new Map(single.map((expression, index) => [expression, read[index]!]));
});

afterAll(() => home?.remove());

function hostsOf(text: string): string[] {
  const result = resolveTargets(text);
  if (!result.ok) throw new Error(`Pogo refuses ${JSON.stringify(text)}: ${result.error.message}`);
  return result.targets.map(({ host }) => host);
}

function foldHosts(hosts: readonly string[]): string {
  return foldTargets(hosts.map((host) => ({ host })));
}

function taken(text: string, answer: NodesetAnswer): Taken {
  if ('refused' in answer) throw new Error(`nodeset refuses ${JSON.stringify(text)}: ${answer.refused}`);
  return answer;
}

/** Folded text with the alternatives in braces, which ClusterShell doesn't have, written out. */
function withoutBraces(folded: string): string {
  const patterns = folded.match(/(?:\[[^\]]*\]|\{[^}]*\}|[^,[{])+/g) ?? [];
  const writeOut = (pattern: string): string[] => {
    const choice = /^([^{]*)\{([^}]*)\}(.*)$/.exec(pattern);
    if (choice === null) return [pattern];
    return choice[2]!.split(',').flatMap((word) => writeOut(`${choice[1]!}${word}${choice[3]!}`));
  };
  return patterns.flatMap(writeOut).join(',');
}

function sorted(hosts: readonly string[]): string {
  return [...hosts].sort().join(' ');
}

function hasSeveralNumbers(host: string): boolean {
  return /\d\D+\d/.test(host);
}

/** The expressions of the corpus, the first few of them, about which something isn't so. */
function exceptions(isSo: (compared: Compared) => boolean): string[] {
  return corpus
    .filter((compared) => !isSo(compared))
    .slice(0, 5)
    .map(({ shared }) => shared.text);
}

function pogo(args: readonly string[], stdin?: string): Promise<CommandResult> {
  return runCommand(process.execPath, [cli, 'targets', ...args], {
    env: { HOME: home.path, POGO_HOME: home.file('pogo'), LANG: 'C.UTF-8' },
    ...(stdin === undefined ? {} : { stdin }),
  });
}

describe(`${count} generated expressions`, () => {
  it('are distinct, and have every form of the common grammar many times', () => {
    expect(new Set(corpus.map(({ shared }) => shared.text)).size).toBe(count);
    const having = (isOne: (compared: Compared) => boolean) => corpus.filter(isOne).length;
    const written = (form: RegExp) => having(({ shared }) => form.test(shared.text));
    const counts = {
      'ranges of several items': written(/\[[^\]]*,/),
      steps: written(/\/\s*[2-9]/),
      'zero padding': written(/[[,]0\d/),
      'a padded range and what follows beyond its width': written(/\[0\d-9\d\/\d\d,1\d\d/),
      'one number in several widths': having(({ hosts }) => {
        const numbers = new Set(hosts.join(' ').match(/\d+/g));
        return new Set([...numbers].map(Number)).size < numbers.size;
      }),
      'digits beside a range': written(/\d\[|\]\d/),
      'white space in a range': written(/\[\s/),
      'several ranges in a name': written(/\][^\s,!&^[]+\[/),
      'hosts of several numbers': having(({ hosts }) => hosts.some(hasSeveralNumbers)),
      'names without a number': written(/(^|[\s,!&^])(mail|www|db|a-b\.c)\b/),
      ',': written(/,(?![^[]*\])/),
      '!': written(/!/),
      '&': written(/&/),
      '^': written(/\^/),
      'different operators in a row': written(/(?=.*!)(?=.*&)/),
      'white space beside an operator': written(/\s[,!&^](?![^[]*\])/),
      'white space as union': having(({ shared }) => shared.terms.length > 1),
      'nothing left': having(({ hosts }) => hosts.length === 0),
      'over fifty hosts': having(({ hosts }) => hosts.length > 50),
      'braces in the folded text': having(({ folded }) => folded.includes('{')),
    };
    for (const [form, times] of Object.entries(counts)) {
      expect(times, `${form} (${times})`).toBeGreaterThan(150);
    }
  });

  it('name the same hosts for both', () => {
    expect(
      exceptions(
        ({ hosts, nodeset: theirs }) =>
          hosts.length === theirs.hosts.length && sorted(hosts) === sorted(theirs.hosts),
      ),
    ).toEqual([]);
  });

  it("name them in Pogo's order", () => {
    expect(exceptions(({ hosts, shared }) => hosts.join(' ') === shared.hosts.join(' '))).toEqual([]);
  });

  it('fold to what nodeset reads as the same hosts', () => {
    expect(exceptions(({ hosts, refolded }) => sorted(hosts) === sorted(refolded.hosts))).toEqual([]);
  });

  it('are folded by nodeset, with steps and without, to what Pogo reads as the same hosts', () => {
    expect(
      exceptions(({ hosts, nodeset: { folded, stepped } }) =>
        [folded, stepped].every((text) => sorted(text === '' ? [] : hostsOf(text)) === sorted(hosts)),
      ),
    ).toEqual([]);
  });

  it("fold to nodeset's own text, or a shorter one, where a host has one number at most: name by name in its order", () => {
    let compared = 0;
    let shorter = 0;
    expect(
      exceptions(({ nodeset: { hosts, stepped } }) => {
        if (hosts.some(hasSeveralNumbers)) return true;
        compared++;
        const names = new Map<string, string[]>();
        for (const host of hosts) {
          const key = host.replace(/\d+/, '%');
          names.set(key, [...(names.get(key) ?? []), host]);
        }
        const text = [...names.values()].map(foldHosts).join(',');
        if (text === stepped) return true;
        shorter++;
        return text.length < stepped.length;
      }),
    ).toEqual([]);
    expect(compared).toBeGreaterThan(count / 4);
    expect(shorter).toBeLessThan(compared / 50);
  });
});

describe('the commands themselves', () => {
  it(`say of ${sampleCount} of them what the libraries say`, async () => {
    const sample = corpus.filter((_compared, index) => index % Math.floor(count / sampleCount) === 0);
    expect(sample.length).toBeGreaterThanOrEqual(sampleCount);
    const check = async ({ shared, hosts, folded, nodeset: theirs }: Compared, index: number) => {
      const fold = index % 2 === 0;
      const [one, other] = await Promise.all([
        // Pogo says both at once, so half of the runs are enough.
        fold ? pogo(['--json', shared.text]) : undefined,
        nodeset([fold ? '--fold' : '--expand', ...shared.terms]),
      ]);
      if (one !== undefined) {
        expect(one, one.stderr).toMatchObject({ exitCode: 0 });
        expect(JSON.parse(one.stdout)).toEqual({ count: hosts.length, folded, hosts });
      }
      expect(other).toMatchObject({
        exitCode: 0,
        stdout: `${fold ? theirs.folded : theirs.hosts.join(' ')}\n`,
      });
    };
    for (let start = 0; start < sample.length; start += 4) {
      await Promise.all(sample.slice(start, start + 4).map((one, index) => check(one, index)));
    }
  });

  it('read the same hosts from lines on stdin, with comments', async () => {
    const lines = corpus
      .filter(({ shared, hosts }) => !/\s/.test(shared.terms.join('')) && !hosts.some(hasSeveralNumbers))
      .map(({ shared }, index) => `${shared.terms.join(' ')}${index % 2 === 0 ? '' : ' # of these'}\n`);
    expect(lines.length).toBeGreaterThan(150);
    const stdin = lines.join('');
    const [one, other] = await Promise.all([pogo(['-'], stdin), nodeset(['--expand'], stdin)]);
    const hosts = one.stdout.trim().split('\n');
    expect(hosts.length).toBeGreaterThan(1000);
    expect(sorted(hosts)).toBe(sorted(other.stdout.trim().split(' ')));
  });

  it('differ in that Pogo stops at a million hosts', async () => {
    const expression = 'h[1-1000001]';
    const [one, other] = await Promise.all([pogo(['--count', expression]), nodeset(['--count', expression])]);
    expect(one).toMatchObject({ exitCode: 2, stdout: '' });
    expect(one.stderr).toContain('too-many-hosts');
    expect(other).toMatchObject({ exitCode: 0, stdout: '1000001\n' });
  });
});

it.each(refusedByBoth)('%j is refused by both', (expression) => {
  expect(resolveTargets(expression)).toMatchObject({ ok: false });
  expect(readings.get(expression)).toMatchObject({ refused: expect.any(String) as string });
});

it.each(differences)('Pogo differs: %s: %j', (_about, expression, ours, theirs) => {
  const result = resolveTargets(expression);
  expect(result.ok ? result.targets.map(({ host }) => host) : undefined).toEqual(ours);
  const answer = readings.get(expression)!;
  const hosts = 'refused' in answer ? undefined : answer.hosts.length > 10 ? [answer.folded] : answer.hosts;
  expect(hosts).toEqual(theirs);
});

it.each(foldingDifferences)("Pogo's folding differs: it %s: %j", (_about, expression, ours, mode, theirs) => {
  expect(foldHosts(hostsOf(expression))).toBe(ours);
  expect(readings.get(expression)).toMatchObject({ [mode]: theirs });
});
