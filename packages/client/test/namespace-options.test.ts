/** Options of a run that pass over rules of its namespace. */
import { expect, it } from 'vitest';
import { key, useClient } from './support/client.js';

const client = useClient();
const all = ['--unconstrained', '--allow-unknown', '--on-predecessor-failure', 'continue'];

async function plan(...args: string[]) {
  const { code, stdout, stderr } = await client.pogo.run(['plan', '-h', 'web1', ...args, 'true']);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

it('are in the sealed spec of the job where they are given, and nowhere else', async () => {
  const given = await client.dispatcherWith();
  const { code } = await client.pogo.run(['run', '-d', '-h', 'web1', '--identity', key, ...all, 'true']);
  expect(code).toBe(0);
  expect(given.submitted!.spec).toMatchObject({
    unconstrained: true,
    allowUnknown: true,
    onPredecessorFailure: 'continue',
  });
  const without = await client.dispatcherWith();
  const blocking = ['--on-predecessor-failure', 'block'];
  await client.pogo.run(['run', '-d', '-h', 'web1', '--identity', key, ...blocking, 'true']);
  for (const member of ['unconstrained', 'allowUnknown', 'onPredecessorFailure'])
    expect(without.submitted!.spec).not.toHaveProperty(member);
});

it('are shown by a plan', async () => {
  await client.dispatcherWith();
  const shown = await plan(...all);
  expect(shown.stdout).toMatch(/^limits +those of the namespace don't hold it back$/m);
  expect(shown.stdout).toMatch(/^unknown +hosts that the namespace doesn't know are taken$/m);
  expect(shown.stdout).toMatch(/^sequence +later steps go on where an earlier one failed$/m);
  expect((await plan()).stdout).not.toMatch(/^(limits|unknown|sequence) /m);
});

it('are refused where the dispatcher adds one that nobody gave', async () => {
  await client.dispatcherWith({ alterPlan: ({ spec }) => void (spec.unconstrained = true) });
  const { code, stdout, stderr } = await plan();
  expect(stderr).toContain('pogo: spec-changed: ');
  expect(stderr).toContain('unconstrained: true instead of nothing');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
});

it('take block and continue only', async () => {
  const { code, stderr } = await plan('--on-predecessor-failure', 'ignore');
  expect(stderr).toContain(
    'pogo: invalid-value: --on-predecessor-failure: "ignore" is none of block, continue',
  );
  expect(code).toBe(2);
});
