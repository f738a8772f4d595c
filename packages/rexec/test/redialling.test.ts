/** Hosts that can't be reached are dialled again, where the job says so (S11). */
import type { ConnectFailure } from '@pogo/rexec';
import { afterAll, expect, it } from 'vitest';
import { endScenes, Scene } from './scripted-scene.js';

afterAll(endScenes);

const unreachable = (
  reason: 'connection-refused' | 'connect-timeout' | 'handshake' | 'dns',
): ConnectFailure => ({
  kind: 'unreachable',
  reason,
  detail: reason,
});

/** Time goes on until the job has ended. */
async function outcomeWith(failures: readonly ConnectFailure[], again: number | undefined) {
  const scene = new Scene();
  scene.transport.failures.push(...failures);
  const opened = scene.open({ changes: again === undefined ? {} : { unreachableRetries: again } });
  void opened.then((host) => {
    host.begin();
    host.end();
  });
  const outcome = await scene.outcome({ stepMs: 250 });
  return {
    outcome,
    dialled: failures.length - scene.transport.failures.length + scene.transport.hosts.length,
    scene,
  };
}

it('until one is reached, with growing pauses, and its slot counts as dialling no more', async () => {
  const failures = ['connection-refused', 'connect-timeout', 'handshake'] as const;
  const { outcome, dialled, scene } = await outcomeWith(failures.map(unreachable), 5);
  expect(outcome).toMatchObject({ state: 'succeeded' });
  expect(dialled).toBe(4);
  expect(scene.waits).toBe(3);
  const [first = 0, second = 0, third = 0] = pauses(scene.transport.dialledAtMs);
  expect(second).toBeGreaterThan(first);
  expect(third).toBeGreaterThan(second);
  expect(outcome.durationMs).toBeGreaterThan(first + second + third - 1);
});

it('as often as the job says, and then it is said how often', async () => {
  const { outcome, dialled } = await outcomeWith(
    Array<ConnectFailure>(9).fill(unreachable('connection-refused')),
    2,
  );
  expect(outcome).toMatchObject({ state: 'unreachable', reason: 'connection-refused' });
  expect(outcome.message).toBe('a@web1:22 cannot be reached: connection-refused. It was dialled 3 times.');
  expect(dialled).toBe(3);
});

it.each<[string, ConnectFailure, number | undefined]>([
  ['that nobody asked to dial again', unreachable('connection-refused'), undefined],
  ['whose name does not resolve', unreachable('dns'), 3],
  ['whose key is another', { kind: 'host-key' }, 3],
  ['that refused the login', { kind: 'login', detail: 'too many failures' }, 3],
])('never one %s', async (_, failure, again) => {
  const { outcome, dialled } = await outcomeWith([failure, failure], again);
  expect(outcome.state).not.toBe('succeeded');
  expect(outcome.message).not.toContain('dialled');
  expect(dialled).toBe(1);
});

it('until the job is halted: nobody waits for a host then', async () => {
  const scene = new Scene();
  scene.transport.failures.push(...Array<ConnectFailure>(99).fill(unreachable('connection-refused')));
  void scene.open({ changes: { unreachableRetries: 99 } });
  while (scene.waits === 0) await new Promise(setImmediate);
  scene.job.take({ type: 'halt', kill: false });
  expect(await scene.outcome()).toMatchObject({ state: 'killed', reason: 'halt-kill' });
  expect(scene.transport.failures).toHaveLength(98);
});

function pauses(instants: readonly number[]): number[] {
  return instants.slice(1).map((instant, index) => instant - instants[index]!);
}
