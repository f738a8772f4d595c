import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobHostListSchema, jobEventSchema } from '@pogo/protocol';
import { MemoryBacking, openStore } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { begin, silence, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

describe('after a restart on the embedded store', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pogo-dispatcher-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('everything that was acknowledged is there, and what runs goes on', async () => {
    const url = `embedded:${join(directory, 'store')}`;
    let store = await openStore(url);
    const first = await cluster.dispatcher({ store, limits: { snapshotEveryEntries: 20 } });
    const worker = await cluster.worker(first.dispatcher, { capacity: 2, script: succeed });
    for (let count = 0; count < 6; count++) {
      await finished(first.api, (await submit(first.api, jobRequest(`done${count}`))).id);
    }
    worker.script = begin;
    await submit(first.api, jobRequest('run[1-3]'), 'the-key');
    await worker.until(() => worker.assigned.length === 8);
    const held = worker.assigned.slice(-2);
    await first.stop();
    await worker.stop();
    await store.close();

    store = await openStore(url);
    const second = await cluster.dispatcher({ store, limits: { vaultRefillMs: 1 } });
    await second.dispatcher.leader.leading();
    for await (const line of second.api.lines('/v1/jobs/last/events?follow')) {
      if (line.includes('needs-credentials')) break;
    }
    const list = (await second.api.call('/v1/jobs')).json() as { jobs: { id: string; state: string }[] };
    expect(list.jobs.map(({ state }) => state)).toEqual([
      // Nobody holds its credentials any more, and one host has not begun.
      'needs-credentials',
      ...Array.from({ length: 6 }, () => 'succeeded'),
    ]);
    const back = await cluster.worker(second.dispatcher, { held, incarnation: 'first' });
    expect(back.assigned).toEqual([]);
    await back.report(held.flatMap((attempt) => succeed(attempt, back)));
    const { hosts } = jobHostListSchema.parse((await second.api.call('/v1/jobs/last/hosts')).json());
    expect(hosts.map(({ host, state }) => `${host} ${state}`)).toEqual([
      'run1 succeeded',
      'run2 succeeded',
      'run3 waiting',
    ]);
    expect((await second.api.call('/v1/jobs/last/halt', { body: { kill: false } })).status).toBe(202);
    expect(await finished(second.api, 'last')).toMatchObject({
      state: 'halted',
      counts: { succeeded: 2, halted: 1 },
    });
    await second.stop();
    await store.close();
  });
});

describe('two dispatchers on one store', () => {
  it('take turns: the second one knows what the first one acknowledged', async () => {
    const backing = new MemoryBacking();
    const one = await cluster.dispatcher({ store: backing.openHandle(), name: 'one' });
    await one.dispatcher.leader.leading();
    const two = await cluster.dispatcher({ store: backing.openHandle(), name: 'two' });
    const worker = await cluster.worker(one.dispatcher, { script: silence });
    await submit(one.api, jobRequest('a[1-2]'), 'key');
    await worker.until(() => worker.assigned.length === 2);
    const held = [...worker.assigned];
    await worker.report(held.flatMap((attempt) => begin(attempt, worker)));
    backing.expireLease('default');
    await two.dispatcher.leader.leading();
    expect((await two.api.call('/v1/jobs/p1')).json()).toMatchObject({ counts: { running: 2 } });
    await worker.stop();

    const there = await cluster.worker(two.dispatcher, { held });
    await there.report(held.flatMap((attempt) => succeed(attempt, there)));
    expect(await finished(two.api, 'p1')).toMatchObject({ state: 'succeeded' });
  });
});

describe('an archived job', () => {
  it('is served as before, with its hosts and events, until its retention is over', async () => {
    const { dispatcher, api } = await cluster.dispatcher({
      limits: { endedHosts: 0, archiveEveryMs: 5, snapshotEveryEntries: 10, recentEntries: 1 },
    });
    await cluster.worker(dispatcher);
    const job = await submit(api, jobRequest('a[1-3]'));
    const before = await finished(api, job.id);
    let live = true;
    while (live) {
      const outcome = await dispatcher.leader.read((state) => state.jobs.has(1));
      live = outcome.kind === 'ok' && outcome.answer;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await api.call('/v1/jobs/last')).json()).toEqual(before);
    expect((await api.call('/v1/jobs')).json()).toEqual({ jobs: [before] });
    const { hosts } = jobHostListSchema.parse((await api.call('/v1/jobs/1/hosts')).json());
    expect(hosts.map(({ host, state }) => `${host} ${state}`)).toEqual([
      'a1 succeeded',
      'a2 succeeded',
      'a3 succeeded',
    ]);
    for (let other = 0; other < 4; other++) {
      await finished(api, (await submit(api, jobRequest(`b${other}`))).id);
    }
    const events = [];
    for await (const line of api.lines('/v1/jobs/1/events?follow'))
      events.push(jobEventSchema.parse(JSON.parse(line)));
    expect(events.filter(({ type }) => type === 'host-finished')).toHaveLength(3);
    expect(events.at(-1)).toMatchObject({ type: 'job-state', state: 'succeeded', counts: { succeeded: 3 } });
    expect((await api.call('/v1/jobs/1/halt', { body: { kill: false } })).status).toBe(409);
  });
});
