/** Namespaces over the API: applied, kept, and obeyed by jobs of real dispatchers and scripted workers. */
import {
  type Explanation,
  explanationSchema,
  hostInformationSchema,
  type JobEventDocument,
  jobEventSchema,
  type JobRequest,
  type NamespaceDocument,
  namespaceSchema,
} from '@pogo/protocol';
import { MemoryBacking } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { applyFile, coastFile } from './support/coast-namespace.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { begin, fail, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const shown = async (api: ApiClient): Promise<NamespaceDocument> =>
  namespaceSchema.parse((await api.call('/v1/namespaces/default')).json());
const use = async (api: ApiClient) =>
  Object.fromEntries((await shown(api)).slots.map(({ name, use: count }) => [name, count]));
const explained = async (api: ApiClient, id: string): Promise<Explanation> =>
  explanationSchema.parse((await api.call(`/v1/jobs/${id}/explanation`)).json());
const request = (targets: string, changes: Partial<JobRequest> = {}) => jobRequest(targets, changes);

describe('a namespace', () => {
  it('is none at first, and then what was applied, with its file byte for byte', async () => {
    const { api } = await cluster.dispatcher();
    expect(await shown(api)).toEqual({
      name: 'default',
      version: 0,
      hosts: 0,
      slots: [],
      stages: [],
      warnings: [],
    });
    expect((await applyFile(api, coastFile('25%'))).status).toBe(200);
    const now = await shown(api);
    expect(now).toMatchObject({ version: 1, hosts: 20, text: coastFile('25%') });
    expect(now.slots[0]).toEqual({
      name: 'frontend@coast=east',
      app: 'frontend',
      type: 'coast',
      value: 'east',
      members: 8,
      limit: 2,
      written: '25%',
      use: 0,
    });
  });

  it('with a fault is refused with line and reason, and the one in force stays', async () => {
    const { api } = await cluster.dispatcher();
    await applyFile(api, coastFile('25%'));
    const reply = await applyFile(api, coastFile('125%'));
    expect(reply.status).toBe(422);
    expect(reply.json()).toMatchObject({
      type: 'urn:pogo:problem:namespace-invalid',
      detail: expect.stringMatching(/^prod\.yaml:11:\d+: .*125%.*The version in force stays\.$/) as string,
    });
    expect(await shown(api)).toMatchObject({ version: 1, text: coastFile('25%') });
  });

  it('is applied over the version that was looked at, and no other', async () => {
    const { api } = await cluster.dispatcher();
    expect((await applyFile(api, coastFile('25%'), '"0"')).status).toBe(200);
    expect((await applyFile(api, coastFile('50%'), '"0"')).status).toBe(412);
    expect((await applyFile(api, coastFile('50%'), '"1"')).status).toBe(200);
    expect((await applyFile(api, coastFile('50%'), 'x')).status).toBe(400);
    expect(await shown(api)).toMatchObject({ version: 2 });
  });

  it('holds for jobs: groups are targets, no slot is ever over its limit, and hosts say what they wait for', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, coastFile('25%'));
    const worker = await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, request('@coast:east'));
    await worker.until(() => worker.assigned.length === 1);
    expect(job.hosts).toBe(10);
    expect(await use(api)).toMatchObject({ 'backend@coast=east': 1, 'frontend@coast=east': 0 });
    const waiting = await explained(api, job.id);
    expect(waiting.waiting).toEqual([
      {
        hosts: 'foo[1-8].east',
        count: 8,
        obstacles: [{ kind: 'stage', stage: 'backend@coast=east', pending: 2, failed: 0 }],
      },
      {
        hosts: 'bar2.east',
        count: 1,
        obstacles: [
          {
            kind: 'slot',
            slot: 'backend@coast=east',
            use: 1,
            limit: 1,
            holders: [{ job: job.id, running: 1, notWell: 0, hosts: 'bar1.east', more: 0 }],
          },
        ],
      },
    ]);
    worker.script = succeed;
    await worker.report(succeed(worker.assigned[0]!, worker).slice(2));
    expect((await finished(api, job.id)).state).toBe('succeeded');
    expect(await use(api)).toMatchObject({ 'backend@coast=east': 0, 'frontend@coast=east': 0 });
  });

  it('says what held a deadlocked job up: in the job, its events and its explanation, also once it is archived', async () => {
    const limits = { archiveAfterMs: 0, archiveEveryMs: 10 };
    const { dispatcher, api } = await cluster.dispatcher({ limits });
    await applyFile(api, coastFile('25%'));
    await cluster.worker(dispatcher, { script: fail });
    const job = await submit(api, request('foo[1-8].east'));
    const deadlock = [
      {
        ...{ kind: 'slot', slot: 'frontend@coast=east', use: 2, limit: 2, waiting: 6 },
        holders: [{ job: job.id, count: 2, hosts: 'foo[1-2].east', more: 0 }],
      },
    ];
    expect(await finished(api, job.id)).toMatchObject({ state: 'deadlocked', deadlock });
    expect(await explained(api, job.id)).toMatchObject({ waiting: [], deadlock });
    let last: JobEventDocument | undefined;
    for await (const line of api.lines(`/v1/jobs/${job.id}/events?follow`))
      last = jobEventSchema.parse(JSON.parse(line));
    expect(last).toMatchObject({
      state: 'deadlocked',
      detail: '6 hosts wait for frontend@coast=east 2/2: foo[1-2].east',
      deadlock,
    });
    await api.call(`/v1/jobs/${job.id}/release`, { body: { hosts: 'foo[1-2].east' } });
    const isLive = () => dispatcher.leader.read((state) => state.jobs.size);
    await expect.poll(isLive, { timeout: 20_000 }).toEqual({ kind: 'ok', answer: 0 });
    expect(await explained(api, job.id)).toEqual({ job: job.id, state: 'deadlocked', waiting: [], deadlock });
  });

  it('goes on holding what failed after its job, through a restart and another version, until somebody lets go', async () => {
    const store = new MemoryBacking();
    const first = await cluster.dispatcher({ store: store.openHandle() });
    await applyFile(first.api, coastFile('25%'));
    const worker = await cluster.worker(first.dispatcher, { script: fail });
    const job = await submit(first.api, request('foo[1-8].east'));
    expect(await finished(first.api, job.id)).toMatchObject({
      state: 'deadlocked',
      counts: { failed: 2, halted: 6 },
    });
    await worker.stop();
    await first.stop();

    const { dispatcher, api } = await cluster.dispatcher({ store: store.openHandle() });
    const again = await cluster.worker(dispatcher, { script: succeed, incarnation: 'second' });
    expect(await use(api)).toMatchObject({ 'frontend@coast=east': 2 });
    const next = await submit(api, request('foo[5-6].east'));
    expect((await explained(api, next.id)).waiting).toMatchObject([
      {
        hosts: 'foo[5-6].east',
        obstacles: [
          {
            kind: 'slot',
            slot: 'frontend@coast=east',
            use: 2,
            limit: 2,
            holders: [{ job: job.id, notWell: 2 }],
          },
        ],
      },
    ]);
    expect(again.assigned).toEqual([]);
    // One more may be disturbed by the next version: foo5 begins, and the other two go on counting.
    await applyFile(api, coastFile('3'));
    expect(await finished(api, next.id)).toMatchObject({ state: 'succeeded' });
    expect(await use(api)).toMatchObject({ 'frontend@coast=east': 2 });
    const released = await api.call(`/v1/jobs/${job.id}/release`, { body: { hosts: 'foo[1-2].east' } });
    expect(released.status).toBe(202);
    expect(await use(api)).toMatchObject({ 'frontend@coast=east': 0 });
  });

  it('lets the next job go on at the very end of the one that held room, where the file has it so', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, `${coastFile('1')}hold_failures: until-job-ends\n`);
    const worker = await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, request('foo1.east'));
    await worker.until(() => worker.assigned.length === 1);
    const next = await submit(api, request('foo2.east'));
    worker.script = succeed;
    await worker.report(fail(worker.assigned[0]!, worker).slice(1));
    expect((await finished(api, job.id)).state).toBe('failed');
    expect((await finished(api, next.id)).state).toBe('succeeded');
  });

  it('refuses hosts that it does not know, unless they are meant', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, coastFile('25%'));
    await cluster.worker(dispatcher);
    const reply = await api.call('/v1/plans', { body: request('foo1.east,stranger[1-2]') });
    expect(reply.json()).toMatchObject({
      type: 'urn:pogo:problem:hosts-not-in-namespace',
      detail: expect.stringContaining("doesn't know stranger[1-2]") as string,
    });
    const job = await submit(api, request('foo1.east,stranger[1-2]', { allowUnknown: true }));
    expect((await finished(api, job.id)).state).toBe('succeeded');
  });

  it('counts a host once under all of its names, and tells what it knows of it', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, `${coastFile('1')}aliases:\n  foo3.east: [ foo3, 10.0.0.3 ]\n`);
    await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, request('foo3,10.0.0.3,foo3.east'));
    expect(job.hosts).toBe(1);
    const without = await api.call('/v1/plans', {
      method: 'POST',
      body: request('foo[2-3].east!foo3'),
    });
    expect(without.json()).toMatchObject({ hosts: 1, spec: { targets: 'deploy@foo2.east:22' } });
    const known = hostInformationSchema.parse(
      (await api.call('/v1/namespaces/default/hosts?targets=foo3,nobody')).json(),
    );
    expect(known.hosts).toMatchObject([
      {
        host: 'foo3.east',
        known: true,
        apps: ['frontend'],
        environments: [{ type: 'coast', value: 'east' }],
        slots: [{ name: 'frontend@coast=east', use: 1, limit: 1 }],
        holders: [{ job: job.id, live: true }],
      },
      { host: 'nobody', known: false },
    ]);
  });
});
