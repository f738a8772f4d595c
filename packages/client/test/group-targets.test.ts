/** Groups and known hosts of the dispatcher's namespace as targets of a job. */
import { foldTargets, resolveTargets } from '@pogo/core';
import { checkNamespace, type PlanResponse, specDigest } from '@pogo/protocol';
import { createKeyWithoutOpenSsh } from '@pogo/testkit';
import { describe, expect, it } from 'vitest';
import { key, useClient } from './support/client.js';
import type { ScriptedDispatcherOptions } from './support/scripted-dispatcher.js';
import { ScriptedNamespace } from './support/scripted-namespace.js';

const client = useClient();

const text = `
apps:
  frontend: [ 'foo[1-3].{east,west}' ]
  backend: [ 'bar[1-2].east' ]
envs:
  coast: { east: [ '*.east' ], west: [ '*.west' ] }
aliases:
  foo1.east: [ foo1, 10.0.0.1 ]
`;

async function dispatcher(options: Partial<ScriptedDispatcherOptions> = {}, applied = true) {
  const namespace = new ScriptedNamespace();
  if (applied) namespace.applied.push({ file: 'prod.yaml', text });
  let asked = 0;
  const given = await client.dispatcherWith({
    ...options,
    intercept: (request, response) => {
      if (request.path.startsWith('/v1/namespaces')) asked++;
      return namespace.intercept(request, response);
    },
  });
  return { given, asked: () => asked };
}

const run = (...hosts: string[]) =>
  client.pogo.run(['run', '-d', ...hosts, '-l', 'ada', '--identity', key, '--', 'true']);

it('are expanded by the file in force: what is sealed names hosts', async () => {
  const { given } = await dispatcher();
  const { code, stderr } = await run('-h', '@frontend&@coast:east', '-h', 'bar*', '-x', 'foo2.east');
  expect(stderr).not.toContain('spec-changed');
  expect(code).toBe(0);
  expect(given.submitted!.spec.targets).toBe('ada@foo[1,3].east:22,ada@bar[1-2].east:22');
});

it('are asked for only where an expression needs them', async () => {
  const { given, asked } = await dispatcher();
  expect((await run('-h', 'foo1.east,zar1')).code).toBe(0);
  expect(given.submitted!.spec.targets).toBe('ada@foo1.east:22,ada@zar1:22');
  expect(asked()).toBe(0);
  await run('-h', '@frontend', '-h', '@backend', '-x', 'bar*');
  expect(asked()).toBe(1);
});

it('count a host once under all of its names', async () => {
  const { given } = await dispatcher();
  expect((await run('-h', '@frontend&@coast:east', '-h', 'foo1', '-x', '10.0.0.1')).code).toBe(0);
  expect(given.submitted!.spec.targets).toBe('ada@foo[2-3].east:22');
});

it.each([
  ['-x', 'foo[1-2].east', ['-x', '10.0.0.1']],
  ['an operator', 'foo[1-2].east!foo1', []],
  ['a file with one', '@file:hosts.txt', []],
])('are left out by any of their names, with %s', async (_, hosts, others) => {
  await client.pogo.file('hosts.txt', '# two less one\nfoo[1-2].east!10.0.0.1\n');
  const { given } = await dispatcher();
  const { code, stderr } = await run('-h', hosts, ...others);
  expect(stderr).toMatch(/^pogo: other names of hosts were given.*(foo1|10\.0\.0\.1) is foo1\.east$/m);
  expect(code).toBe(0);
  expect(given.submitted!.spec.targets).toBe('ada@foo2.east:22');
});

it('are said to stay where a name to be left out is none of theirs, since somebody relies on it', async () => {
  const { given } = await dispatcher();
  const { code, stderr } = await run('-h', 'bar[1-2].east', '-x', 'bar2', '-x', 'bar1.east');
  expect(stderr).toContain('pogo: nothing-excluded: -x bar2 leaves out none of the hosts');
  expect(stderr).not.toContain('-x bar1.east');
  expect(code).toBe(0);
  expect(given.submitted!.spec.targets).toBe('ada@bar2.east:22');
});

describe('other names of hosts', () => {
  /** As the dispatcher's: whatever the client calls a host, the plan has its own name. */
  const underOwnNames = (plan: PlanResponse) => {
    const checked = checkNamespace(Buffer.from(text), 'prod.yaml');
    const asked = resolveTargets(plan.spec.targets);
    if (!checked.ok || !asked.ok) throw new Error('neither has a fault');
    const { groups } = checked.namespace;
    const own = new Map(
      asked.targets.map((target) => {
        const host = groups.ownName!(target.host) ?? target.host;
        return [host, { ...target, host }];
      }),
    );
    plan.spec.targets = foldTargets([...own.values()]);
    plan.hosts = own.size;
    plan.digest = specDigest(plan.spec);
  };

  it('become their own, with their host keys, and the user is told', async () => {
    const { publicLine: hostKey } = createKeyWithoutOpenSsh({
      directory: client.pogo.directory,
      name: 'host',
    });
    await client.pogo.file('known', `foo1.east ${hostKey}\n`);
    const { given, asked } = await dispatcher({ alterPlan: underOwnNames });
    const { code, stderr } = await run('-h', 'foo1,zar1,10.0.0.1', '--known-hosts', 'known');
    expect(stderr).toContain(
      'pogo: other names of hosts were given, and the job has their own: foo1 is foo1.east, 10.0.0.1 is foo1.east\n',
    );
    expect(code).toBe(0);
    expect(given.submitted!.spec.targets).toBe('ada@foo1.east:22,ada@zar1:22');
    expect(given.submitted!.spec.hostKeys.known).toMatchObject([{ hosts: 'foo1.east:22' }]);
    expect(given.submitted!.digest).toBe(specDigest(given.submitted!.spec));
    expect(asked()).toBe(1);
  });

  it('are those of the file in force alone: a name that the file in force does not give to a host is refused', async () => {
    const { given } = await dispatcher({
      alterPlan(plan) {
        underOwnNames(plan);
        plan.spec.targets = plan.spec.targets.replace('zar1', 'zar2');
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await run('-h', 'foo1,zar1');
    expect(stderr).toContain('pogo: spec-changed: ');
    expect(stderr).toContain('instead of "ada@foo1.east:22,ada@zar1:22"');
    expect(code).toBe(1);
    expect(given.submitted).toBeUndefined();
  });

  it('are planned, and the plan runs from its file', async () => {
    const { given } = await dispatcher({ alterPlan: underOwnNames });
    const planned = await client.pogo.run([
      'plan',
      '-h',
      'foo1',
      '-l',
      'ada',
      '--identity',
      key,
      '-o',
      'plan.json',
      'true',
    ]);
    expect(planned.stdout.toString()).toContain('foo1.east');
    expect(planned.stderr).toContain('foo1 is foo1.east');
    const { code, stderr } = await client.pogo.run(['run', '-d', '--identity', key, 'plan.json']);
    expect({ code, stderr: stderr.replace(/job p.*\n/, '') }).toEqual({ code: 0, stderr: '' });
    expect(given.submitted!.spec.targets).toBe('ada@foo1.east:22');
  });
});

it.each([
  ['that the namespace does not have', true, 'the namespace has no such group'],
  ['where no namespace was ever applied', false, 'no namespace with groups is known here'],
])('%s are an error, not an empty set', async (_, applied, reason) => {
  const { given } = await dispatcher({}, applied);
  const { code, stderr } = await run('-h', '@frontned');
  expect(stderr).toContain(`unknown group "@frontned": ${reason}`);
  expect(code).toBe(2);
  expect(given.submitted).toBeUndefined();
});

it('are shown by a plan', async () => {
  await dispatcher();
  const { code, stdout } = await client.pogo.run(['plan', '-h', '@backend', 'true']);
  expect(code).toBe(0);
  expect(stdout.toString()).toContain('bar[1-2].east');
});
