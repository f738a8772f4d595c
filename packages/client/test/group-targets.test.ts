/** Groups and known hosts of the dispatcher's namespace as targets of a job. */
import { expect, it } from 'vitest';
import { key, useClient } from './support/client.js';
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

async function dispatcher(applied = true) {
  const namespace = new ScriptedNamespace();
  if (applied) namespace.applied.push({ file: 'prod.yaml', text });
  let asked = 0;
  const given = await client.dispatcherWith({
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
  ['that the namespace does not have', true, 'the namespace has no such group'],
  ['where no namespace was ever applied', false, 'no namespace with groups is known here'],
])('%s are an error, not an empty set', async (_, applied, reason) => {
  const { given } = await dispatcher(applied);
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
