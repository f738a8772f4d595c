/** What was planned is what real hosts see, in that order; and what has changed since keeps it from being run. */
import { planFileSchema, planResponseSchema, replayResponseSchema } from '@pogo/protocol';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

const apply = async (frontend: number) => {
  const file = scene.file(
    'prod.yaml',
    `
apps: { frontend: '127.0.1.[1-4]', backend: '127.0.1.5' }
envs: { site: { one: '@*' } }
constraints: { site: { concurrency: { frontend: ${frontend} }, sequence: [ [ backend, frontend ] ] } }
`,
  );
  const applied = await scene.run(['ns', 'apply', file]);
  expect(applied.exitCode, applied.stderr).toBe(0);
};

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 5);
  await apply(2);
});
afterAll(() => scene.close());

it('a plan is run from its file, in its order; it can be replayed, and is refused once a limit has changed', async () => {
  const file = scene.file('plan.json');
  const command = ['--', 'sh', '-c', 'echo "$POGO_HOST" >> "$HOME/order"; sleep 0.3'];
  const planned = await scene.run(['plan', '-h', '@*', ...hosts.login, '-o', file, ...command]);
  expect(planned.exitCode, planned.stderr).toBe(0);
  expect(planned.stdout).toContain('frontend@site=one 2/2');
  expect(hosts.lines('order')).toEqual([]);
  const { forecast } = planFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const waves = forecast!.waves.map(({ starts }) => starts.map(({ hosts: names }) => names));
  expect(waves).toEqual([['127.0.1.5'], ['127.0.1.[1-2]'], ['127.0.1.[3-4]']]);

  const identity = ['--identity', hosts.key.privatePath];
  const ran = await scene.run(['run', ...identity, file]);
  expect(ran.exitCode, ran.stderr).toBe(0);
  const order = hosts.lines('order');
  expect(order[0]).toBe('127.0.1.5');
  expect([...order].sort()).toEqual([1, 2, 3, 4, 5].map((host) => `127.0.1.${host}`));

  const replayed = await scene.run(['replay', 'last', '--constraint', 'site.frontend=1', '--json']);
  expect(replayed.exitCode, replayed.stderr).toBe(0);
  const { observed, unchanged, changed } = replayResponseSchema.parse(JSON.parse(replayed.stdout));
  expect(observed).toMatchObject({ peak: 2, peaks: [{ peak: 2 }] });
  expect(unchanged.peaks).toMatchObject([{ slot: 'frontend@site=one', peak: 2, limit: 2 }]);
  expect(changed).toMatchObject({ ending: 'succeeded', peak: 1 });
  expect(changed!.totalMs).toBeGreaterThan(unchanged.totalMs);

  const again = await scene.run(['plan', '-h', '@*', ...hosts.login, '--json', ...command]);
  const { estimate } = planResponseSchema.parse(JSON.parse(again.stdout));
  expect(estimate).toMatchObject({ from: 'command', attempts: 5 });

  await apply(1);
  const refused = await scene.run(['run', ...identity, file]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('pogo: plan-drifted: ');
  expect(refused.stderr).toContain('frontend@site=one lets 1 through at once, and not 2');
  expect(hosts.lines('order')).toHaveLength(5);
});
