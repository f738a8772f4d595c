/** A command that outlives its connection, with hosts that act by script and a clock that is turned by hand. */
import { keptPieceBytes } from '@pogo/stub';
import { afterAll, expect, it } from 'vitest';
import { endScenes, Scene } from './scripted-scene.js';
import type { ScriptedHost } from './scripted-transport.js';

afterAll(endScenes);

const limitMs = 600_000;

/** The command runs on the first host; `stub` speaks as its stub does, on any connection. */
async function running() {
  const scene = new Scene();
  const host = await scene.open({ changes: { surviveDisconnect: { limitMs } } });
  host.frame('b', 'stderr');
  host.frame('b');
  host.frame('r 0');
  const run = /=([0-9a-f]{32})/.exec(host.written[1]!)![1]!;
  host.frame('v');
  const marker = `\x1epogo-${run} `;
  host.say(`${marker}b\n`, 'stderr');
  host.say(`${marker}b 4711 1 1\n`);
  return { scene, host, marker, run };
}

/** Time goes on until rexec has come back. */
async function next(scene: Scene, number: number): Promise<ScriptedHost> {
  while (scene.transport.hosts[number] === undefined) {
    scene.clock.advance(100);
    await new Promise(setImmediate);
  }
  const host = await scene.transport.host(number);
  host.frame('b', 'stderr');
  host.frame('b');
  return host;
}

async function attach(scene: Scene, number: number, run: string): Promise<ScriptedHost> {
  const host = await next(scene, number);
  host.frame(`k ${run} 1`);
  await new Promise(setImmediate);
  return host;
}

/** Where it asked to go on: piece and offset of stdout, then of stderr. */
function asked(host: ScriptedHost): number[] {
  return /^set -- (\d+) (\d+) (\d+) (\d+)$/m.exec(host.written[0]!)!.slice(1).map(Number);
}

it('goes on at the byte where it stopped, in the piece that was followed', async () => {
  const { scene, host, marker, run } = await running();
  expect(asked(host)).toEqual([0, 0, 0, 0]);
  const begun = `${marker}b 4711 1 1\n`.length;
  host.say('half a li');
  host.closeChannel({ lost: 'reset' });
  const second = await attach(scene, 1, run);
  expect(asked(second)).toEqual([0, begun + 9, 0, `${marker}b\n`.length]);
  second.say('ne\n');
  second.say('x'.repeat(keptPieceBytes - begun - 12));
  expect(second.written.at(-1)).toBe('o 1\n');
  second.say('end\n');
  second.closeChannel({});
  const third = await attach(scene, 2, run);
  expect(asked(third)).toEqual([1, 4, 0, `${marker}b\n`.length]);
  // The end itself may be cut in two.
  const end = `${marker}e 3 0 0 1 \n`;
  third.say(end.slice(0, 20));
  third.closeChannel({ lost: 'reset' });
  const last = await attach(scene, 3, run);
  last.say(end.slice(20));
  last.say(`${marker}e\n`, 'stderr');
  const outcome = await scene.outcome({ stepMs: 100 });
  expect(outcome).toMatchObject({ state: 'failed', exitCode: 3 });
  expect(outcome.stdout?.bytes).toBe(keptPieceBytes - begun + 4);
  expect(last.written.at(-1)).toBe('a\n');
});

it('is told after the return what was said meanwhile, and no limit of ours passes until then', async () => {
  const { scene, host, marker, run } = await running();
  host.closeChannel({ lost: 'reset' });
  scene.transport.reachable = false;
  scene.job.take({ type: 'halt', kill: true });
  for (let ms = 0; ms < 300_000; ms += 1000) {
    scene.clock.advance(1000);
    await new Promise(setImmediate);
  }
  expect(scene.reports.map(({ event }) => event)).toEqual(['started']);
  scene.transport.reachable = true;
  const second = await attach(scene, 1, run);
  expect(second.written.slice(1)).toContain('t\n');
  second.say(`${marker}e 143 2 0 1 Terminated\n`);
  second.say(`${marker}e\n`, 'stderr');
  expect(await scene.outcome({ stepMs: 100 })).toMatchObject({ state: 'killed', reason: 'halt-kill' });
});

it('that a restart of its host has ended is lost: the host says so itself', async () => {
  const { scene, host } = await running();
  host.closeChannel({ lost: 'reset' });
  const second = await next(scene, 1);
  second.frame('x gone');
  second.closeChannel({});
  const probed = await next(scene, 2);
  probed.frame('o 1 1 1 20000/4711 99/');
  probed.frame('q');
  expect(await scene.outcome({ stepMs: 100 })).toMatchObject({ state: 'killed', reason: 'stub-stopped' });
});

it('whose host does not come back within the limit is unknown', async () => {
  const { scene, host } = await running();
  host.closeChannel({ lost: 'reset' });
  scene.transport.reachable = false;
  const outcome = await scene.outcome({ stepMs: 1000 });
  expect(outcome).toMatchObject({ state: 'unknown', reason: 'connection-lost' });
  expect(outcome.message).toContain('nobody came back to it within 600 s');
  expect(scene.clock.monotonicMs()).toBeGreaterThan(limitMs);
  expect(scene.clock.pendingTimers).toBe(0);
});

it('whose host has another key, or refuses the login, is not asked for it again and again', async () => {
  const { scene, host } = await running();
  scene.transport.failures.push({ kind: 'host-key' });
  host.closeChannel({ lost: 'reset' });
  const dialled = scene.transport.dialledAtMs.length;
  const outcome = await scene.unknownOutcome();
  expect(outcome).toMatchObject({ state: 'unknown', reason: 'connection-lost' });
  // Once to come back, and three times for the evidence that any lost command is asked for.
  expect(scene.transport.dialledAtMs.length - dialled).toBe(4);
});

it('that the host cannot keep does not begin', async () => {
  const scene = new Scene();
  const host = await scene.open({ changes: { surviveDisconnect: { limitMs } } });
  host.frame('b', 'stderr');
  host.frame('b');
  host.frame('x keeper');
  host.closeChannel({});
  const outcome = await scene.outcome({ stepMs: 100 });
  expect(outcome).toMatchObject({ state: 'denied', reason: 'not-runnable' });
  expect(outcome.message).toContain('/proc, setsid and mkfifo');
  expect(host.written).toHaveLength(1);
});
