/** The worker's own metrics: what it has in hand, and what it can't get rid of. */
import { statfs } from 'node:fs/promises';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { removePrograms } from './cluster.js';
import { type Daemon, makeHome, runCleanups, startDispatcher, startOn } from './daemon.js';

/** Other processes, and this machine, may be slow. */
const patient = { timeout: 45_000, interval: 50 };

afterEach(runCleanups);
afterAll(removePrograms);

async function scrape({ log }: Daemon, path = '/metrics'): Promise<{ status: number; text: string }> {
  const port = /"port":(\d+),"msg":"serves metrics"/.exec(log())?.[1];
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

async function valuesOf(daemon: Daemon): Promise<Record<string, number>> {
  const { text } = await scrape(daemon);
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  for (const name of samples.map((line) => /^\w+/.exec(line)![0]))
    expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'));
  return Object.fromEntries(
    samples.map((line) => {
      const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line)!;
      return [name, Number(value)];
    }),
  );
}

test('the metrics say what is held, which slots are in use, and how much room the output has', async () => {
  const home = await makeHome('metricsListen: 127.0.0.1:0\nmaxConnections: 7\n');
  const dispatcher = await startDispatcher();
  const daemon = await startOn(home, dispatcher);
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => [0, 1].every((host) => dispatcher.eventsOf(host).includes('started')));
  const { bsize, blocks } = await statfs(home.directory);
  await vi.waitFor(
    async () =>
      expect(await valuesOf(daemon)).toMatchObject({
        pogo_worker_dispatchers: 1,
        pogo_worker_dispatchers_linked: 1,
        pogo_worker_jobs_open: 1,
        pogo_worker_attempts_held: 2,
        pogo_worker_slots: 7,
        pogo_worker_slots_in_use: 2,
        pogo_worker_outbox_reports: 0,
        pogo_worker_outbox_stuck_seconds: 0,
        pogo_worker_spool_files: 1,
        pogo_worker_spool_filesystem_bytes: bsize * blocks,
      }),
    patient,
  );
  expect((await scrape(daemon, '/')).status).toBe(404);
});

test('reports that nobody takes are counted, and for how long', async () => {
  const dispatcher = await startDispatcher();
  const daemon = await startOn(await makeHome('metricsListen: 127.0.0.1:0\n'), dispatcher);
  await dispatcher.open(1, { '*': 'hold' });
  dispatcher.answer = 'fail';
  await dispatcher.assign(1, [0]);
  await vi.waitFor(async () => {
    const values = await valuesOf(daemon);
    expect(values['pogo_worker_outbox_reports']).toBeGreaterThan(0);
    expect(values['pogo_worker_outbox_stuck_seconds']).toBeGreaterThan(0);
  }, patient);
  dispatcher.answer = 'acknowledge';
  await vi.waitFor(
    async () =>
      expect(await valuesOf(daemon)).toMatchObject({
        pogo_worker_outbox_reports: 0,
        pogo_worker_outbox_stuck_seconds: 0,
      }),
    patient,
  );
});

test('an address that others reach is refused', async () => {
  const dispatcher = await startDispatcher();
  const refused = startOn(await makeHome('metricsListen: 0.0.0.0:9647\n'), dispatcher);
  const { exited, log } = await refused;
  expect(await exited).toBe(2);
  expect(log()).toContain('not on loopback');
});
