/** Holds, altered limits, ramps and freezes over the API, and verbs that are tied to a version of a job. */
import {
  type Explanation,
  explanationSchema,
  type JobDocument,
  jobEventSchema,
  type JobRequest,
  jobSchema,
  namespaceSchema,
  problemSchema,
  verbResponseSchema,
} from '@pogo/protocol';
import { MemoryBacking } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient, Reply } from './support/api-client.js';
import { Cluster, finished, jobRequest, plan, submit } from './support/cluster.js';
import { begin, fail, succeed } from './support/attempt-scripts.js';
import { type ScriptedWorker } from './support/scripted-worker.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const act = (api: ApiClient, verb: string, body: object = {}, headers: Record<string, string> = {}) =>
  api.call(`/v1/jobs/last/${verb}`, { body, headers });
const jobOf = async (api: ApiClient): Promise<JobDocument> =>
  jobSchema.parse((await api.call('/v1/jobs/last')).json());
const explained = async (api: ApiClient): Promise<Explanation> =>
  explanationSchema.parse((await api.call('/v1/jobs/last/explanation')).json());
const codeOf = (reply: Reply) => problemSchema.parse(reply.json()).type.replace('urn:pogo:problem:', '');
const limited = (limits: Partial<JobRequest['limits']>): Partial<JobRequest> => ({
  limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 600_000, ...limits },
});
const hostsOf = ({ assigned }: ScriptedWorker) => assigned.map(({ host }) => host);

/** The hosts of the worker's last orders have done it. */
async function succeedLast(worker: ScriptedWorker, count: number): Promise<void> {
  for (const attempt of worker.assigned.slice(-count)) await worker.report(succeed(attempt, worker).slice(2));
}

describe('a held job', () => {
  it('starts nothing until it is resumed, without credentials; who holds it is told in its document and events', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    const { id } = await submit(api, jobRequest('a[1-3]', limited({ concurrent: '1' })));
    await worker.until(() => worker.assigned.length === 1);

    const held = await act(api, 'hold');
    expect(held.status).toBe(202);
    expect(verbResponseSchema.parse(held.json())).toMatchObject({
      affected: 'a[2-3]',
      job: { state: 'held', hold: { by: 'ada' } },
    });
    await succeedLast(worker, 1);
    expect((await explained(api)).waiting).toEqual([
      { hosts: 'a[2-3]', count: 2, obstacles: [{ kind: 'job-state', state: 'held', by: 'ada' }] },
    ]);
    expect(worker.assigned).toHaveLength(1);
    expect((await act(api, 'hold')).status).toBe(202);

    worker.script = succeed;
    expect(verbResponseSchema.parse((await act(api, 'resume')).json()).job.state).toBe('running');
    expect((await finished(api, id)).state).toBe('succeeded');
    const events = [];
    for await (const line of api.lines(`/v1/jobs/${id}/events`))
      events.push(jobEventSchema.parse(JSON.parse(line)));
    const states = events.flatMap((event) => (event.type === 'job-state' ? [event] : []));
    expect(states.map(({ state }) => state)).toEqual(['accepted', 'running', 'held', 'running', 'succeeded']);
    expect(states[2]).toMatchObject({ hold: { by: 'ada' }, detail: 'held by ada' });
    expect(codeOf(await act(api, 'hold'))).toBe('job-ended');
  });

  it('is held after a restart, too', async () => {
    const store = new MemoryBacking();
    const first = await cluster.dispatcher({ store: store.openHandle() });
    await cluster.worker(first.dispatcher, { script: begin });
    await submit(first.api, jobRequest('a[1-2]', limited({ concurrent: '1' })));
    await act(first.api, 'hold');
    await act(first.api, 'alter', { limits: { concurrent: '50%' } });
    await first.stop();
    const { api } = await cluster.dispatcher({ store: store.openHandle() });
    expect(await jobOf(api)).toMatchObject({ hold: { by: 'ada' }, limits: { concurrent: 1 } });
  });
});

describe('altered limits', () => {
  it('are obeyed from then on, as percentages of the hosts of the job, and lifted by null', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a[1-8]', limited({ concurrent: '1' })));
    await worker.until(() => worker.assigned.length === 1);
    const altered = await act(api, 'alter', { limits: { concurrent: '50%', jobTimeoutMs: 5_000_000 } });
    expect(verbResponseSchema.parse(altered.json()).job.limits).toEqual({
      concurrent: 4,
      maxFailures: null,
      jobTimeoutMs: 5_000_000,
    });
    await worker.until(() => worker.assigned.length === 4);
    await act(api, 'alter', { limits: { concurrent: null, ramp: { steps: ['6'], pauseMs: null } } });
    await worker.until(() => worker.assigned.length === 6);
    expect(await jobOf(api)).toMatchObject({ ramp: { step: 1, steps: 2, limit: 6, started: 6 } });
    await act(api, 'alter', { limits: { ramp: null } });
    await worker.until(() => worker.assigned.length === 8);
    expect((await jobOf(api)).ramp).toBeUndefined();
  });

  it('are refused where they allow nothing, name nothing, or name what can not be altered', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a[1-8]'));
    const refusals = [
      [{ limits: { concurrent: '0' } }, 'limits.concurrent: 0 allows no host at all'],
      [{ limits: { ramp: { steps: ['4', '25%'], pauseMs: 0 } } }, '25% is less than the step before it'],
      [{ limits: {} }, 'names no limit'],
      [{ limits: { concurrent: '1' }, targets: 'b1' }, 'targets: unknown member'],
      [{ limits: { concurrent: '1', command: 'x' } }, 'limits.command: unknown member'],
    ] as const;
    for (const [body, says] of refusals) {
      const reply = await act(api, 'alter', body);
      expect(reply.status).toBe(400);
      expect(problemSchema.parse(reply.json()).detail).toContain(says);
    }
  });
});

describe('a ramp', () => {
  it('is planned in hosts; each step begins when the one before it is over, well, and confirmed', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    const request = jobRequest('a[1-20]', limited({ ramp: { steps: ['1', '10%', '100%'], pauseMs: null } }));
    expect((await plan(api, request)).limits.ramp).toEqual({ steps: [1, 2], pauseMs: null });
    const { id } = await submit(api, request);
    await worker.until(() => worker.assigned.length === 1);
    expect(codeOf(await act(api, 'resume'))).toBe('job-running');
    await succeedLast(worker, 1);
    expect(await jobOf(api)).toMatchObject({
      state: 'running',
      ramp: { step: 1, steps: 3, waitsFor: 'confirmation', failed: 0, limit: 1, started: 1 },
    });
    expect((await explained(api)).waiting).toMatchObject([
      { count: 19, obstacles: [{ kind: 'ramp', step: 1, steps: 3, waitsFor: 'confirmation', failed: 0 }] },
    ]);
    expect((await act(api, 'resume')).status).toBe(202);
    await worker.until(() => worker.assigned.length === 2);
    await succeedLast(worker, 1);
    worker.script = succeed;
    await act(api, 'resume');
    expect((await finished(api, id)).state).toBe('succeeded');
  });

  it('goes on by itself after a pause, but not over a host that failed', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 1 ? fail : succeed)(attempt, self),
    });
    const { id } = await submit(
      api,
      jobRequest('a[1-4]', limited({ ramp: { steps: ['1', '2'], pauseMs: 1 } })),
    );
    for await (const line of api.lines(`/v1/jobs/${id}/events?follow`)) {
      const event = jobEventSchema.parse(JSON.parse(line));
      if (event.type !== 'job-state' || event.ramp?.step !== 2 || event.ramp.waitsFor === 'hosts') continue;
      expect(event.ramp).toEqual({ step: 2, steps: 3, waitsFor: 'confirmation', failed: 1 });
      break;
    }
    expect(hostsOf(worker)).toEqual([0, 1]);
    await act(api, 'resume');
    expect(await finished(api, id)).toMatchObject({ state: 'failed', counts: { succeeded: 3, failed: 1 } });
  });
});

describe('a freeze', () => {
  const file = `
apps: { web: ['web[1-4].{east,west}'] }
envs: { coast: { east: ['*.east'], west: ['*.west'] } }
constraints: { coast: { concurrency: { web: 4 } } }
`;
  const freeze = (api: ApiClient, body: object = {}, verb = 'freeze') =>
    api.call(`/v1/namespaces/default/${verb}`, { body });

  it('of a slot keeps its hosts from starting in any job, says who and why, and is lifted', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await api.call('/v1/namespaces/default', { method: 'PUT', body: { file: 'f', text: file } });
    const worker = await cluster.worker(dispatcher);
    const frozen = await freeze(api, { slot: 'web@coast=east', note: 'disks are full' });
    expect(frozen.status).toBe(200);
    expect(namespaceSchema.parse(frozen.json()).slots).toMatchObject([
      { name: 'web@coast=east', frozen: { by: 'ada', note: 'disks are full' } },
      { name: 'web@coast=west' },
    ]);
    const jobs = [
      await submit(api, jobRequest('web1.{east,west}')),
      await submit(api, jobRequest('web2.{east,west}', { unconstrained: true })),
    ];
    await worker.until(() => worker.assigned.length === 2);
    expect((await explained(api)).waiting).toMatchObject([
      {
        hosts: 'web2.east',
        obstacles: [{ kind: 'frozen', slot: 'web@coast=east', by: 'ada', note: 'disks are full' }],
      },
    ]);
    expect(codeOf(await freeze(api, { slot: 'web@coast=north' }))).toBe('unknown-slot');
    expect((await freeze(api, { slot: 'web@coast=east' }, 'thaw')).status).toBe(200);
    for (const { id } of jobs) expect((await finished(api, id)).state).toBe('succeeded');
  });

  it('of the namespace keeps everything from starting, over a restart, and is told in jobs', async () => {
    const store = new MemoryBacking();
    const first = await cluster.dispatcher({ store: store.openHandle() });
    expect((await freeze(first.api)).status).toBe(200);
    await first.stop();
    const { dispatcher, api } = await cluster.dispatcher({ store: store.openHandle() });
    const worker = await cluster.worker(dispatcher, { incarnation: 'second' });
    const { id } = await submit(api, jobRequest('a'));
    expect(await jobOf(api)).toMatchObject({ state: 'accepted', frozen: { by: 'ada' } });
    expect(namespaceSchema.parse((await api.call('/v1/namespaces/default')).json()).frozen).toMatchObject({
      by: 'ada',
    });
    expect(worker.assigned).toEqual([]);
    await freeze(api, {}, 'thaw');
    expect(await finished(api, id)).toMatchObject({ state: 'succeeded' });
    expect((await jobOf(api)).frozen).toBeUndefined();
    expect(codeOf(await api.call('/v1/namespaces/other/freeze', { body: {} }))).toBe('unknown-namespace');
  });
});

describe('If-Match', () => {
  it('ties a verb to the version that was looked at: a stale one is refused with the job as it is now', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a[1-3]', limited({ concurrent: '1' })));
    await worker.until(() => worker.assigned.length === 1);
    await worker.report(begin(worker.assigned[0]!, worker));
    const etag = async () => (await api.call('/v1/jobs/last')).headers.etag!;
    const looked = await etag();
    expect(looked).toMatch(/^"\d+"$/);

    const held = await act(api, 'hold', {}, { 'if-match': looked });
    expect(held.status).toBe(202);
    expect(held.headers.etag).toBe(await etag());
    expect(held.headers.etag).not.toBe(looked);
    const verbs: [string, object][] = [
      ['hold', {}],
      ['resume', {}],
      ['alter', { limits: { concurrent: '2' } }],
      ['retry', {}],
      ['skip', { hosts: 'a3' }],
      ['release', { hosts: 'a3' }],
      ['resolve', {}],
      ['halt', { kill: false }],
    ];
    for (const [verb, body] of verbs) {
      const reply = await act(api, verb, body, { 'if-match': looked });
      expect(reply.status, verb).toBe(412);
      expect(reply.headers.etag, verb).toBe(held.headers.etag);
      expect(problemSchema.parse(reply.json()), verb).toMatchObject({
        type: 'urn:pogo:problem:job-changed',
        job: { state: 'held' },
      });
      expect((await act(api, verb, body, { 'if-match': 'x' })).status, verb).toBe(400);
    }
    expect((await act(api, 'skip', { hosts: 'a3' }, { 'if-match': '"0", *' })).status).toBe(400);
    expect((await act(api, 'skip', { hosts: 'a3' }, { 'if-match': `"0", ${await etag()}` })).status).toBe(
      202,
    );
    expect((await act(api, 'resume', {}, { 'if-match': '*' })).status).toBe(202);
  });
});
