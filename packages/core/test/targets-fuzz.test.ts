/** The target grammar against damaged expressions, groups and files of hosts included. */
import {
  explainTargetError,
  foldForPeople,
  foldTargets,
  type GroupSource,
  isHost,
  resolveTargets,
  targetLines,
} from '@pogo/core';
import { type FuzzAnswer, fuzz, mutateText, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';

const cases = 100_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 3_070_001;
const limit = 200;

const corpus = [
  'web1',
  'web[1-30]',
  'web[01-10/2,15].example.com',
  '{web,db}[1-3].east',
  'a{b,c{d,e}}[1,2]',
  'root@web1:2222',
  'ad\\min@db[1-2]:22',
  '[::1]:22',
  'fe80::1%eth0',
  '2001:db8::[1-3]',
  '::ffff:10.0.0.1',
  '10.0.[1-2].[1-5]',
  'a1, b1 web1',
  'web[1-9]!web[2-4]',
  'web[1-9]&web[2-4]^web5',
  '@app1 !a1',
  '@app{1,2}',
  '@east:east',
  '@*',
  'web*.east',
  '*',
  '@file:a',
  '@file:"a b"',
  'x-y_z.0',
];
const tokens =
  '[|]|{|}|(|)|,|!|&|^|@|@*|@file:|@file:a|@file:-|@app|:|::|:22|:65536|%|%eth0|*|?|.|/|/0|-|--|1-|3-1|01-10|[1-999999]|[1-9][1-9][1-9]|999999999999999999|"|#|\\|root@|@@|é|\ud800|\0|\n'.split(
    '|',
  );

const groups: GroupSource = {
  app: (app) => (app.startsWith('app') ? [{ host: 'a1' }, { host: 'b1', port: 22 }] : undefined),
  environment: (type, value) => (type === value ? [{ host: type }] : undefined),
  knownHosts: () => [{ host: 'a1' }, { host: 'web1.east' }, { host: '::1' }],
};
const files: Readonly<Record<string, string>> = { a: 'a1 # x\r\nweb[1-3]!a\n\n', 'a b': '\ufeffb1\n' };
const readLines = (path: string) => (Object.hasOwn(files, path) ? targetLines(files[path]!) : undefined);

function generate(random: SeededRandom): string {
  return mutateText(random, { corpus, tokens });
}

/** Hosts within the limit that fold and unfold to themselves, or an error with a place inside of the text. */
function check(text: string): FuzzAnswer {
  const result = resolveTargets(text, { groups, readLines }, { limit });
  if (!result.ok) {
    const { offset, length, message, found, expected } = result.error;
    if (offset < 0 || length < 0 || offset + length > text.length)
      return { fault: 'a place outside of the text' };
    if (message === '' || found === '' || expected === '') return { fault: 'an error that says nothing' };
    if (/[^\n\x20-\x7e…]/.test(explainTargetError(text, result.error))) return { fault: 'raw characters' };
    return 'rejected';
  }
  const { targets } = result;
  if (targets.length > limit) return { fault: 'more hosts than allowed' };
  if (!targets.every(({ host }) => isHost(host) && !host.startsWith('-'))) return { fault: 'not a host' };
  if (targets.length === 0) return 'accepted';
  const again = resolveTargets(foldTargets(targets));
  if (!again.ok || JSON.stringify(again.targets) !== JSON.stringify(targets)) return { fault: 'misfolded' };
  const shown = resolveTargets(foldForPeople(targets.map(({ host }) => host)));
  if (!shown.ok || shown.targets.length !== targets.length) return { fault: 'shown as other hosts' };
  return 'accepted';
}

test('every sample is good before it is damaged', () => {
  for (const text of corpus) expect(check(text), text).toBe('accepted');
});

test(
  `${cases} damaged expressions give hosts, or an error with its place`,
  async () => {
    const report = await fuzz({ name: 'target grammar', cases, seed, generate, check });
    console.log(report.text);
    // Neither trivially refused nor trivially taken.
    expect(report.accepted).toBeGreaterThan(cases / 10);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test('the fuzz notices a parser that throws at a rare text, and the same seed shows it again', async () => {
  const planted = (text: string): FuzzAnswer => {
    if (/\{[^}]*\[[^\]]*$/.test(text)) throw new TypeError('planted');
    return check(text);
  };
  const run = () => fuzz({ name: 'planted', cases, seed, generate, check: planted });
  const first: Error = await run().then(
    () => expect.fail('the planted bug was not noticed'),
    (error: Error) => error,
  );
  expect(first.message).toMatch(/^planted: case \d+ of seed 3070001: TypeError: planted/);
  const [where] = first.message.split('\n');
  await expect(run()).rejects.toThrow(where);
});
