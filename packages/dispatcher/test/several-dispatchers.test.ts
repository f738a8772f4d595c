import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { planResponseSchema } from '@pogo/protocol';
import { MemoryBacking, type Store } from '@pogo/store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { begin, silence, succeed } from './support/attempt-scripts.js';
import { coastFile } from './support/coast-namespace.js';
import { Cluster, finished, hostsOf, jobRequest, type RunningDispatcher, submit } from './support/cluster.js';
import { issuePapers } from './support/papers.js';

let cluster: Cluster;
let backing: MemoryBacking;
let handles: Store[];
beforeAll(async () => {
  cluster = await Cluster.make();
});
beforeEach(() => {
  backing = new MemoryBacking();
  handles = [];
});
afterEach(async () => {
  await cluster.stop();
  for (const handle of handles) await handle.close();
});
afterAll(() => cluster.remove());

function handle(): Store {
  const opened = backing.openHandle();
  handles.push(opened);
  return opened;
}

/** `one` leads, `two` follows. */
async function pair(): Promise<{ one: RunningDispatcher; two: RunningDispatcher }> {
  const limits = { takeoverWaitMs: 500 };
  const one = await cluster.dispatcher({ store: handle(), name: 'one', limits });
  await one.dispatcher.leader.leading();
  const two = await cluster.dispatcher({ store: handle(), name: 'two', limits });
  await two.dispatcher.leader.serving();
  return { one, two };
}

/** Something at the address that `one` has given, which is not `one` as it should be. */
async function impostor(name: string, onRequest: (server: Server) => void): Promise<() => Promise<void>> {
  const { linkKey, linkCertificate } = issuePapers(cluster.instance, name, 'dispatcher');
  const server = createServer({ key: linkKey, cert: linkCertificate });
  onRequest(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const record = JSON.stringify({ format: 1, url: `https://127.0.0.1:${port}` });
  await handle().documents.put('dispatchers/one', Buffer.from(record), 'any');
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

describe('a dispatcher that does not lead', () => {
  it('is ready as soon as it knows who does, and has what the others hold', async () => {
    const { two } = await pair();
    await two.dispatcher.ready();
    expect((await two.api.call('/readyz')).status).toBe(200);
  });

  it('has what changes something carried out by the leader, and shows it at once', async () => {
    const { one, two } = await pair();
    const worker = await cluster.worker(one.dispatcher, { script: silence });
    const job = await submit(two.api, jobRequest('a[1-2]'));
    const shown = await two.api.call(`/v1/jobs/${job.id}`);
    expect(shown.status).toBe(200);
    await worker.until(() => worker.assigned.length === 2);
    expect((await two.api.call(`/v1/jobs/${job.id}/halt`, { body: { kill: false } })).status).toBe(202);
    await worker.report(worker.assigned.flatMap((attempt) => succeed(attempt, worker)));
    expect(await finished(two.api, job.id)).toMatchObject({ counts: { succeeded: 2 } });
    expect(await hostsOf(one.api, job.id)).toHaveLength(2);
  });

  it('tells the events of a job as the leader does, and goes on with those that come', async () => {
    const { one, two } = await pair();
    const worker = await cluster.worker(one.dispatcher, { script: begin });
    const job = await submit(one.api, jobRequest('a[1-3]'));
    const lines = (from: RunningDispatcher) => from.api.lines(`/v1/jobs/${job.id}/events?follow`);
    const followed: string[] = [];
    for await (const line of lines(two)) {
      followed.push(line);
      if (followed.length === 1) {
        await worker.until(() => worker.assigned.length === 3);
        await worker.report(worker.assigned.flatMap((attempt) => succeed(attempt, worker)));
      }
    }
    const told: string[] = [];
    for await (const line of lines(one)) told.push(line);
    expect(followed).toEqual(told);
  });

  it('says how far it has seen the log, and waits until that is far enough', async () => {
    const { one, two } = await pair();
    await cluster.worker(one.dispatcher);
    const job = await submit(one.api, jobRequest('a1'));
    const done = await finished(one.api, job.id);
    const reply = await one.api.call(`/v1/jobs/${job.id}`);
    const index = Number(reply.headers['pogo-log-index']);
    expect(index).toBeGreaterThan(0);
    const there = await two.api.call(`/v1/jobs/${job.id}?min-index=${index}`);
    expect(there.json()).toEqual(done);
    expect(Number(there.headers['pogo-log-index'])).toBeGreaterThanOrEqual(index);
    const refused = await two.api.call(`/v1/jobs/${job.id}?min-index=soon`);
    expect(refused.status).toBe(400);
    expect(refused.json()).toMatchObject({ errors: [{ path: 'query.min-index' }] });
  });

  it('hands on the making of a namespace, and knows it then', async () => {
    const { two } = await pair();
    const made = await two.api.call('/v1/namespaces/coast', {
      method: 'PUT',
      headers: { 'if-none-match': '*' },
      body: { file: 'prod.yaml', text: coastFile('25%') },
    });
    expect(made.status).toBe(200);
    const planned = await two.api.call('/v1/plans', {
      body: jobRequest('foo[1-3].east', { namespace: 'coast' }),
    });
    expect(planned.json()).toMatchObject({ type: 'urn:pogo:problem:no-worker' });
  });

  it('hands nothing on that was handed on to it', async () => {
    const { two } = await pair();
    const refused = await two.api.call('/v1/plans', {
      headers: { 'pogo-forwarded-by': 'three' },
      body: jobRequest('a1'),
    });
    expect(refused.json()).toMatchObject({ status: 503, type: 'urn:pogo:problem:store-unavailable' });
  });

  it('sends nothing to somebody else at the address of the leader', async () => {
    const { two } = await pair();
    let asked = 0;
    const close = await impostor('three', (server) => server.on('request', () => void asked++));
    const refused = await two.api.call('/v1/plans', { body: jobRequest('a1') });
    await close();
    expect(refused.json()).toMatchObject({
      status: 503,
      type: 'urn:pogo:problem:store-unavailable',
      detail: expect.stringContaining('the certificate there names dispatcher three') as string,
    });
    expect(asked).toBe(0);
  });

  it('does not send again what a leader may have carried out before it broke off', async () => {
    const { two } = await pair();
    let asked = 0;
    const close = await impostor('one', (server) =>
      server.on('request', (request) => {
        asked++;
        request.socket.destroy();
      }),
    );
    const refused = await two.api.call('/v1/plans', { body: jobRequest('a1') });
    await close();
    expect(refused.json()).toMatchObject({ status: 502, type: 'urn:pogo:problem:leader-broke-off' });
    expect(asked).toBe(1);
  });

  it('leads when the other one is gone, and what runs goes on', async () => {
    const { one, two } = await pair();
    const worker = await cluster.worker(one.dispatcher, { script: begin });
    const job = await submit(two.api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    const held = [...worker.assigned];
    await one.stop();
    await two.dispatcher.leader.leading();
    const there = await cluster.worker(two.dispatcher, { held });
    await there.report(held.flatMap((attempt) => succeed(attempt, there)));
    expect(await finished(two.api, job.id)).toMatchObject({ state: 'succeeded' });
  });

  it('follows when it has lost the lead, and hands on', async () => {
    const { one, two } = await pair();
    // It is linked to the one that doesn't lead, and hears when that begins.
    const worker = cluster.worker(two.dispatcher);
    backing.expireLease('default');
    await worker;
    const planned = await one.api.call('/v1/plans', { body: jobRequest('a1') });
    expect(planResponseSchema.parse(planned.json()).hosts).toBe(1);
    expect((await finished(one.api, (await submit(one.api, jobRequest('a1'))).id)).state).toBe('succeeded');
  });
});
