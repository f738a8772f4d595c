import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManualClock, systemClock } from '@pogo/lifecycle';
import { afterAll, afterEach, expect, test } from 'vitest';
import { credentialsMarker, removePrograms, startCluster, stopClusters } from './cluster.js';

afterEach(() => stopClusters());
afterAll(removePrograms);

test('what a dying rexec held is unknown, and what it never got goes on in a fresh one', async () => {
  const { dispatcher, log } = await startCluster({ maxConnections: 3 });
  await dispatcher.open(1, { 0: 'hold', 1: 'hold', 2: 'die' });
  await dispatcher.assign(1, [0, 1, 2, 3, 4, 5]);
  const ends = await dispatcher.ends(6);
  const byHost = Object.fromEntries(ends.map((report) => [report.host, report]));
  for (const host of [0, 1, 2]) {
    expect(byHost[host]).toMatchObject({
      outcome: {
        state: 'unknown',
        reason: 'rexec-lost',
        message: expect.stringContaining('SIGKILL') as string,
      },
    });
  }
  for (const host of [3, 4, 5]) expect(byHost[host]).toMatchObject({ outcome: { state: 'succeeded' } });
  expect(log.of('rexec ended early')).toMatchObject([{ job: 1, lost: 3 }]);
});

test('a second loss refuses what is left, naming how rexec ended', async () => {
  const { dispatcher } = await startCluster({ maxConnections: 1 });
  await dispatcher.open(1, { 0: 'exit-3', 1: 'exit-3' });
  await dispatcher.assign(1, [0, 1, 2, 3]);
  const ends = [...(await dispatcher.ends(4))].sort((a, b) => a.host - b.host);
  const text = expect.stringContaining('exited with status 3') as string;
  expect(ends).toMatchObject([
    { host: 0, outcome: { state: 'unknown', message: text } },
    { host: 1, outcome: { state: 'unknown', message: text } },
    { host: 2, event: 'refused', reason: text },
    { host: 3, event: 'refused', reason: text },
  ]);
  await dispatcher.assign(1, [4]);
  expect((await dispatcher.ends(5)).at(-1)).toMatchObject({ host: 4, event: 'refused' });
});

test('a rexec that cannot be started refuses the job, and is tried again ever later', async () => {
  const { dispatcher, log } = await startCluster({
    rexec: { argv: ['/nonexistent/node', '/nonexistent/rexec.js'], environment: { PATH: '/bin' } },
  });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.ends(2);
  await dispatcher.assign(1, [2]);
  // What never came up has begun nothing: no host is in doubt.
  for (const end of await dispatcher.ends(3)) {
    const reason = expect.stringContaining('exited with status 127') as string;
    expect(end).toMatchObject({ event: 'refused', reason });
  }
  await log.wrote('rexec wrote on stderr');
  const waits = log.of('the spare rexec ended').map((fields) => Number(fields['waitMs']));
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
});

test('a rexec that speaks nonsense is ended, and its attempts are unknown', async () => {
  const { dispatcher, log } = await startCluster();
  await dispatcher.open(1, { 0: 'garbage' });
  await dispatcher.assign(1, [0]);
  expect(await dispatcher.ends(1)).toMatchObject([{ outcome: { state: 'unknown', reason: 'rexec-lost' } }]);
  expect(log.of('not a message')).toHaveLength(1);
});

test('a rexec that does not exit within 10 s after its job was closed is killed', async () => {
  const clock = new ManualClock();
  const { dispatcher, rexecs, log } = await startCluster({ clock });
  await log.wrote('spare rexec is up');
  await log.wrote('a dispatcher leads a namespace');
  // The turn after that answer, from which on there is a way for reports.
  clock.advance(0);
  await dispatcher.open(1, { 0: 'ignore' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('begun'));
  const before = rexecs();
  expect(before.length).toBeGreaterThan(0);
  await dispatcher.order('close', { job: 1 });
  clock.advance(9_999);
  expect(log.of('did not exit')).toEqual([]);
  clock.advance(1);
  expect(await dispatcher.ends(1)).toMatchObject([{ outcome: { state: 'unknown', reason: 'rexec-lost' } }]);
  expect(log.of('did not exit')).toHaveLength(1);
});

test('a spare that dies is replaced; a job takes the spare, and the next spare comes when the job has ended', async () => {
  const { dispatcher, log, rexecs } = await startCluster();
  await log.wrote('spare rexec is up');
  const [first] = rexecs();
  process.kill(first!, 'SIGKILL');
  await log.wrote('the spare rexec ended');
  while (log.of('spare rexec is up').length < 2) await new Promise((resolve) => setImmediate(resolve));
  const [spare] = rexecs();
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  await dispatcher.ends(1);
  expect(rexecs()).toEqual([spare]);
  await dispatcher.order('close', { job: 1 });
  while (log.of('spare rexec is up').length < 3) await new Promise((resolve) => setImmediate(resolve));
  expect(rexecs()).not.toContain(spare);
});

test('rexec sees no environment of the worker, and has no secret in its arguments or files', async () => {
  const { dispatcher, directory, rexecs, log } = await startCluster({ clock: systemClock });
  await dispatcher.open(1, { 0: 'surroundings', 1: 'hold' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.ends(1);
  await dispatcher.openOutput({ subscription: 1, job: 1, host: { index: 0, attempt: 1, stream: 'stdout' } });
  const text = Buffer.concat((await dispatcher.output(1)).map((frame) => frame.data)).toString();
  const seen = JSON.parse(text) as {
    environment: Record<string, string>;
    arguments: string[];
  };
  // The shell sets PWD and the like; nothing else of this process is seen.
  expect(
    Object.keys(seen.environment)
      .filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name))
      .sort(),
  ).toEqual(['LANG', 'PATH']);
  expect(seen.arguments).toEqual([]);
  for (const pid of rexecs()) {
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(credentialsMarker);
    expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.toContain(credentialsMarker);
  }
  expect(await readFile(join(directory, 'spool', 'p0000000001.spool'), 'utf8')).not.toContain(
    credentialsMarker,
  );
  expect(JSON.stringify(log.lines)).not.toContain(credentialsMarker);
  process.kill(rexecs()[0]!, 'SIGUSR2');
  await dispatcher.ends(2);
});

test('a host key that accept-new met is recorded once, with its mark, in a private file', async () => {
  const { dispatcher, directory, log } = await startCluster();
  await dispatcher.open(1, { '*': 'accept-key' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.ends(2);
  await dispatcher.assign(1, [0, 1], 2);
  await dispatcher.ends(4);
  while (log.of('new host key recorded').length < 4) await new Promise((resolve) => setImmediate(resolve));
  const lines = (await readFile(join(directory, 'known_hosts'), 'utf8')).split('\n');
  expect(lines.sort()).toEqual([
    '',
    '[host1]:2200 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQ= pogo:accept-new',
    'host0 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQ= pogo:accept-new',
  ]);
});
