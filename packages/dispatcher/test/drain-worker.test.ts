import { explanationSchema, drainResponseSchema, pingResponseSchema, workerListSchema } from '@pogo/protocol';
import { MemoryBacking } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { begin, succeed } from './support/attempt-scripts.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { issuePapers } from './support/papers.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const workersOf = async (api: ApiClient) => workerListSchema.parse((await api.call('/v1/workers')).json());
const drain = async (api: ApiClient, name: string, body: object = {}) =>
  drainResponseSchema.parse((await api.call(`/v1/workers/${name}/drain`, { body })).json());
const makeNamespace = (api: ApiClient, name: string) =>
  api.call(`/v1/namespaces/${name}`, {
    method: 'PUT',
    headers: { 'if-none-match': '*' },
    body: {
      file: 'web.yaml',
      text: `
apps: { web: ['${name}[1-4]'] }
envs: { site: { all: ['@web'] } }
constraints: { site: { concurrency: { web: 4 } } }
`,
    },
  });
const undrain = (api: ApiClient, name: string) => api.call(`/v1/workers/${name}/undrain`, { body: {} });

describe('the list of workers', () => {
  it('shows who is connected with what it takes and has, and since when one is away', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    expect(await workersOf(api)).toEqual({ workers: [], lostAfterMs: 60_000 });
    const worker = await cluster.worker(dispatcher, { capacity: 7, pools: ['east'], script: begin });
    await submit(api, jobRequest('a[1-3]'));
    await worker.until(() => worker.assigned.length === 3);
    const [connected] = (await workersOf(api)).workers;
    expect(connected).toEqual({
      name: 'worker-1',
      state: 'connected',
      version: expect.any(String) as string,
      capacity: 7,
      pools: ['east'],
      keyId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      assigned: 3,
    });
    await worker.stop();
    await expect.poll(async () => (await workersOf(api)).workers[0]!.state, { timeout: 20_000 }).toBe('away');
    const [away] = (await workersOf(api)).workers;
    expect(away).toMatchObject({ capacity: 7, assigned: 3 });
    expect(away!.awaySinceMs).toBeGreaterThan(0);
  });

  it('calls one lost that is away for so long that its hosts are unknown', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { workerLostAfterMs: 1 } });
    const worker = await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, jobRequest('a'));
    await worker.until(() => worker.assigned.length === 1);
    await worker.stop();
    await finished(api, job.id);
    expect((await workersOf(api)).workers).toMatchObject([{ state: 'lost', assigned: 0 }]);
  });
});

describe('a drained worker', () => {
  it('gets no further host, also after a restart of the dispatcher, until that is lifted', async () => {
    const backing = new MemoryBacking();
    const first = await cluster.dispatcher({ store: backing.openHandle() });
    const worker = await cluster.worker(first.dispatcher, { script: begin });
    const running = await submit(first.api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    const drained = await drain(first.api, 'worker-1', { note: 'new kernel' });
    expect(drained).toMatchObject({
      untold: [],
      worker: { assigned: 2, drain: { by: 'ada', note: 'new kernel' } },
    });
    const waiting = await submit(first.api, jobRequest('b'));
    const explained = explanationSchema.parse(
      (await first.api.call(`/v1/jobs/${waiting.id}/explanation`)).json(),
    );
    expect(explained.waiting[0]!.obstacles).toEqual([{ kind: 'worker', draining: ['worker-1'] }]);
    await worker.report(worker.assigned.flatMap((attempt) => succeed(attempt, worker)));
    expect(await finished(first.api, running.id)).toMatchObject({ state: 'succeeded' });
    expect((await workersOf(first.api)).workers).toMatchObject([{ assigned: 0 }]);
    await worker.stop();
    await first.stop();

    const second = await cluster.dispatcher({ store: backing.openHandle(), limits: { vaultRefillMs: 1 } });
    await second.dispatcher.leader.leading();
    const [unseen] = (await workersOf(second.api)).workers;
    expect(unseen).toMatchObject({ name: 'worker-1', state: 'away', drain: { note: 'new kernel' } });
    expect(unseen!.version).toBeUndefined();
    const back = await cluster.worker(second.dispatcher, { script: succeed });
    const ping = pingResponseSchema.parse((await second.api.call('/v1/ping')).json());
    expect(ping.workers).toMatchObject([{ name: 'worker-1', drain: { by: 'ada', note: 'new kernel' } }]);
    const later = await submit(second.api, jobRequest('c'));
    expect((await undrain(second.api, 'worker-1')).json()).toMatchObject({ untold: [] });
    expect(await finished(second.api, later.id)).toMatchObject({ state: 'succeeded' });
    expect(back.assigned.length).toBeGreaterThan(0);
    expect((await workersOf(second.api)).workers[0]!.drain).toBeUndefined();
  });

  it('leaves its hosts to another one', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const one = await cluster.worker(dispatcher, { script: begin });
    const other = await cluster.worker(dispatcher, {
      papers: issuePapers(cluster.instance, 'worker-2'),
      script: succeed,
    });
    await drain(api, 'worker-1');
    expect(await finished(api, (await submit(api, jobRequest('a[1-20]'))).id)).toMatchObject({
      state: 'succeeded',
    });
    expect([one.assigned.length, other.assigned.length]).toEqual([0, 20]);
  });

  it('is drained in every namespace, those that are made afterwards among them', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await makeNamespace(api, 'east');
    const worker = await cluster.worker(dispatcher);
    await drain(api, 'worker-1', { note: 'new kernel' });
    await makeNamespace(api, 'west');
    expect((await workersOf(api)).workers[0]!.drain).toEqual({
      by: 'ada',
      note: 'new kernel',
      atMs: expect.any(Number) as number,
    });
    const jobs = [
      await submit(api, jobRequest('east1', { namespace: 'east' })),
      await submit(api, jobRequest('west1', { namespace: 'west' })),
      await submit(api, jobRequest('a')),
    ];
    for (const { id } of jobs) {
      const explained = explanationSchema.parse((await api.call(`/v1/jobs/${id}/explanation`)).json());
      expect(explained.waiting[0]!.obstacles).toEqual([{ kind: 'worker', draining: ['worker-1'] }]);
    }
    expect(worker.assigned).toEqual([]);
    await undrain(api, 'worker-1');
    for (const { id } of jobs) expect(await finished(api, id)).toMatchObject({ state: 'succeeded' });
  });

  it('must be one that has been connected', async () => {
    const { api } = await cluster.dispatcher();
    const reply = await api.call('/v1/workers/worker-7/drain', { body: {} });
    expect([reply.status, reply.json()]).toEqual([
      404,
      expect.objectContaining({ type: 'urn:pogo:problem:unknown-worker' }),
    ]);
    expect((await api.call('/v1/workers/Worker!/drain', { body: {} })).status).toBe(400);
  });
});

describe('draining while namespaces change hands', () => {
  it('is told to each namespace by who leads it then, whichever dispatcher is asked', async () => {
    const backing = new MemoryBacking();
    const one = await cluster.dispatcher({ store: backing.openHandle(), name: 'one' });
    await one.dispatcher.leader.leading();
    await makeNamespace(one.api, 'east');
    const two = await cluster.dispatcher({ store: backing.openHandle(), name: 'two' });
    await two.dispatcher.leader.serving();
    expect((await two.api.call('/v1/namespaces/east')).status).toBe(200);
    const worker = await cluster.worker(one.dispatcher);
    expect(worker.refusals).toEqual([]);
    backing.expireLease('east');
    // While nobody is known to lead it.
    expect((await drain(one.api, 'worker-1', { note: 'new kernel' })).untold).toEqual([]);
    expect((await undrain(two.api, 'worker-1')).json()).toMatchObject({ untold: [] });
    backing.expireLease('default');
    const leads = () =>
      two
        .logged()
        .split('\n')
        .some((line) => line.includes('"namespace":"east"') && line.includes('leads'));
    await expect.poll(leads, { timeout: 20_000 }).toBe(true);
    for (const { api } of [one, two]) {
      const drained = await drain(api, 'worker-1', { note: 'new kernel' });
      expect(drained.untold).toEqual([]);
      expect(drained.worker.drain).toEqual({
        by: 'ada',
        note: 'new kernel',
        atMs: expect.any(Number) as number,
      });
      for (const other of [one, two]) {
        const known = async () => (await workersOf(other.api)).workers[0]!.drain;
        await expect.poll(known, { timeout: 20_000 }).not.toHaveProperty('notIn');
        expect(await known()).toMatchObject({ note: 'new kernel' });
      }
      const lifted = drainResponseSchema.parse((await undrain(api, 'worker-1')).json());
      expect(lifted.untold).toEqual([]);
      expect(lifted.worker.drain).toBeUndefined();
      for (const other of [one, two]) {
        const known = async () => (await workersOf(other.api)).workers[0]!.drain;
        await expect.poll(known, { timeout: 20_000 }).toBeUndefined();
      }
    }
  });
});
