import { randomUUID } from 'node:crypto';
import type { JobDocument } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, finished, jobRequest, plan, sealFor, submit } from './support/cluster.js';
import { silence } from './support/attempt-scripts.js';

describe('a submission', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.make();
  });
  afterEach(() => cluster.stop());
  afterAll(() => cluster.remove());

  it('gives one job for one key, however often and at whatever moment it is repeated', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher);
    const planned = await plan(api, jobRequest('a[1-3]'));
    const { spec, digest, limits } = planned;
    const send = () =>
      api.call('/v1/jobs', {
        headers: { 'idempotency-key': 'once' },
        body: { spec, digest, limits, credentials: sealFor(planned) },
      });
    const replies = await Promise.all([send(), send(), send(), send()]);
    for (const reply of replies) {
      expect(reply.status).toBe(202);
      expect(reply.headers.location).toBe('/v1/jobs/p0000000001');
    }
    await finished(api, 'p1');
    const late = await send();
    expect(late.status).toBe(202);
    expect(late.json()).toMatchObject({ id: 'p0000000001', state: 'succeeded' });
    expect(worker.assigned).toHaveLength(3);
  });

  it('refuses one key for two jobs', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: silence });
    await submit(api, jobRequest('a'), 'key');
    const other = await plan(api, jobRequest('b'));
    const reply = await api.call('/v1/jobs', {
      headers: { 'idempotency-key': 'key' },
      body: {
        spec: other.spec,
        digest: other.digest,
        limits: other.limits,
        credentials: sealFor(other),
      },
    });
    expect(reply.status).toBe(422);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:idempotency-mismatch' });
  });

  it('resolves the same request to the same spec', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { capacity: 4 });
    const request = jobRequest('admin@web[1-3]:2022 db1 web2', {
      limits: { concurrent: '30%', maxFailures: '50%', jobTimeoutMs: 5000 },
      port: 2222,
    });
    const first = await plan(api, { ...request, targets: 'admin@web[1-3]:2022,db1' });
    expect(first.spec.targets).toBe('admin@web[1-3]:2022,deploy@db1:2222');
    expect(first).toMatchObject({
      hosts: 4,
      limits: { concurrent: 1, maxFailures: 2, jobTimeoutMs: 5000 },
    });
    const second = await plan(api, request);
    expect(second.digest).toBe(first.digest);
  });

  it('warns where a percentage would allow no host', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher);
    const limits = { concurrent: '10%', maxFailures: null, jobTimeoutMs: 5000 };
    const { warnings, limits: resolved } = await plan(api, jobRequest('a[1-5]', { limits }));
    expect(resolved.concurrent).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('10% of 5 hosts')]);
  });

  it('is found by every form of its id, and listed newest first, page by page', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher);
    for (let count = 1; count <= 5; count++) {
      await finished(api, (await submit(api, jobRequest(`h${count}`), randomUUID())).id);
    }
    for (const id of ['p0000000005', 'p5', '5', 'last']) {
      expect((await api.call(`/v1/jobs/${id}`)).json()).toMatchObject({ id: 'p0000000005' });
    }
    const ids: string[] = [];
    let cursor = '';
    do {
      const page = (await api.call(`/v1/jobs?limit=2${cursor}&state=succeeded`)).json() as {
        jobs: JobDocument[];
        nextCursor?: string;
      };
      ids.push(...page.jobs.map(({ id }) => id));
      cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`;
    } while (cursor !== '');
    expect(ids).toEqual([5, 4, 3, 2, 1].map((count) => `p000000000${count}`));
  });
});
