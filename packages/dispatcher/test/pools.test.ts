/** Pools over the API: plans say who can't be reached, orders go to the right worker, and explanations name the pool. */
import { explanationSchema, jobSpecSchema, pingResponseSchema, verbResponseSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import {
  Cluster,
  finished,
  hostsOf,
  jobRequest,
  plan,
  type RunningDispatcher,
  sealFor,
  submit,
} from './support/cluster.js';
import { begin, succeed } from './support/attempt-scripts.js';
import { issuePapers } from './support/papers.js';

let cluster: Cluster;
let running: RunningDispatcher;
beforeAll(async () => {
  cluster = await Cluster.make();
});
beforeEach(async () => {
  running = await cluster.dispatcher();
  const text = "apps: { web: ['web[1-4].{east,west}', loose] }\npools: { east: '*.east', west: '*.west' }\n";
  await running.api.call('/v1/namespaces/default', { method: 'PUT', body: { file: 'pools.yaml', text } });
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const explained = async (api: ApiClient, id: string) =>
  explanationSchema.parse((await api.call(`/v1/jobs/${id}/explanation`)).json()).waiting;

describe('a job with hosts of several pools', () => {
  it('is planned with a warning about those that nobody reaches', async () => {
    const { api, dispatcher } = running;
    await cluster.worker(dispatcher, { pools: ['west'] });
    const planned = await plan(api, jobRequest('web[1-2].east,web1.west,loose'));
    expect(planned.warnings).toEqual([
      expect.stringMatching(
        /^no worker of pool east is connected: 2 hosts wait \(web\[1-2\]\.east\) until/,
      ) as string,
    ]);
    expect(planned.recipients.map(({ worker }) => worker)).toEqual(['worker-1']);
    expect((await plan(api, jobRequest('web1.west,loose'))).warnings).toEqual([]);
  });

  it('is refused where nobody reaches any of them, and credentials are sealed for nobody else', async () => {
    const { api, dispatcher } = running;
    await cluster.worker(dispatcher, { pools: ['west'] });
    const reply = await api.call('/v1/plans', { body: jobRequest('web1.east') });
    expect(reply.status).toBe(503);
    expect(reply.json()).toMatchObject({
      type: 'urn:pogo:problem:no-worker',
      detail: expect.stringContaining('No worker of pool east is connected') as string,
    });
  });

  it('runs where it can, says what it waits for, and goes on when a worker of that pool comes', async () => {
    const { api, dispatcher } = running;
    const worker = await cluster.worker(dispatcher, { pools: ['west'], script: succeed });
    const job = await submit(api, jobRequest('web[1-2].east,web1.west,loose'));
    await worker.until(() => worker.assigned.length === 2);
    expect(await explained(api, job.id)).toEqual([
      { hosts: 'web[1-2].east', count: 2, obstacles: [{ kind: 'pool', pool: 'east', connected: 0 }] },
    ]);
    await worker.stop();
    const other = await cluster.worker(dispatcher, {
      pools: ['east'],
      incarnation: 'second',
      script: succeed,
    });
    expect(await finished(api, job.id)).toMatchObject({ state: 'succeeded', counts: { succeeded: 4 } });
    expect(other.assigned.map(({ host }) => host)).toEqual([0, 1]);
    expect((await hostsOf(api, job.id)).map(({ host }) => host)).toEqual([
      'web1.east',
      'web2.east',
      'web1.west',
      'loose',
    ]);
  });
});

describe('a worker that comes after the submission', () => {
  const specOf = async (api: ApiClient) => jobSpecSchema.parse((await api.call('/v1/jobs/last/spec')).json());

  it('gets its hosts once the job is resumed with credentials that are sealed for it, too', async () => {
    const { api, dispatcher } = running;
    const west = await cluster.worker(dispatcher, { pools: ['west'], script: begin });
    await submit(api, jobRequest('web1.east,web1.west'));
    await west.until(() => west.assigned.length === 1);
    const papers = issuePapers(cluster.instance, 'worker-2');
    const east = await cluster.worker(dispatcher, { pools: ['east'], papers });
    expect(await explained(api, 'last')).toEqual([
      { hosts: 'web1.east', count: 1, obstacles: [{ kind: 'pool', pool: 'east', connected: 1 }] },
    ]);
    const asked = await api.call('/v1/jobs/last/resume', { body: {} });
    expect(asked.status).toBe(409);
    expect(asked.json()).toMatchObject({
      type: 'urn:pogo:problem:credentials-needed',
      detail: expect.stringContaining("workers are connected that can't open them") as string,
    });
    const spec = await specOf(api);
    expect(spec.recipients.map(({ worker }) => worker)).toEqual(['worker-1', 'worker-2']);
    const resumed = await api.call('/v1/jobs/last/resume', { body: { credentials: sealFor(spec) } });
    expect(verbResponseSchema.parse(resumed.json())).toMatchObject({ affected: 'web1.east' });
    await east.until(() => east.assigned.length === 1);
    expect((await api.call('/v1/jobs/last/resume', { body: {} })).json()).toMatchObject({
      type: 'urn:pogo:problem:job-running',
    });
    await west.report(succeed(west.assigned[0]!, west).slice(2));
    expect(await finished(api, 'last')).toMatchObject({ state: 'succeeded', counts: { succeeded: 2 } });
  });

  it('is sealed for only where the job has hosts that it reaches', async () => {
    const { api, dispatcher } = running;
    await cluster.worker(dispatcher, { pools: ['west'], script: begin });
    await submit(api, jobRequest('web1.west'));
    const papers = issuePapers(cluster.instance, 'worker-2');
    await cluster.worker(dispatcher, { pools: ['east'], papers });
    expect((await specOf(api)).recipients.map(({ worker }) => worker)).toEqual(['worker-1']);
    expect((await api.call('/v1/jobs/last/resume', { body: {} })).json()).toMatchObject({
      type: 'urn:pogo:problem:job-running',
    });
  });
});

describe('what became of an attempt', () => {
  it('is asked of a worker that reaches the host', async () => {
    const { api, dispatcher } = running;
    const west = await cluster.worker(dispatcher, { pools: ['west'] });
    const east = await cluster.worker(dispatcher, {
      pools: ['east'],
      papers: issuePapers(cluster.instance, 'worker-2'),
      script: (attempt) => [
        { ...attempt, event: 'finished', outcome: { state: 'unknown', reason: 'rexec-lost' } },
      ],
    });
    const { id } = await submit(api, jobRequest('web[1-2].east,web1.west'));
    expect((await finished(api, id)).counts).toMatchObject({ unknown: 2, succeeded: 1 });
    await east.stop();
    const resolve = async () => {
      const credentials = sealFor(jobSpecSchema.parse((await api.call('/v1/jobs/last/spec')).json()));
      return api.call('/v1/jobs/last/resolve', { body: { credentials } });
    };
    await vi.waitFor(async () => {
      const { workers } = pingResponseSchema.parse((await api.call('/v1/ping')).json());
      expect(workers.find(({ name }) => name === 'worker-2')?.connected).toBe(false);
    });
    expect((await resolve()).json()).toMatchObject({ type: 'urn:pogo:problem:no-worker' });
    const papers = issuePapers(cluster.instance, 'worker-3');
    const other = await cluster.worker(dispatcher, { pools: ['east'], papers });
    expect((await resolve()).status).toBe(202);
    await other.until(() => other.asked.length === 1);
    expect(other.asked[0]!.attempts.map(({ host }) => host)).toEqual([0, 1]);
    expect(west.asked).toEqual([]);
  });
});

describe('a worker', () => {
  it('tells its pools to whoever asks for the parts', async () => {
    const { api, dispatcher } = running;
    await cluster.worker(dispatcher, { pools: ['east', 'west'] });
    const { workers } = pingResponseSchema.parse((await api.call('/v1/ping')).json());
    expect(workers).toMatchObject([{ name: 'worker-1', pools: ['east', 'west'] }]);
  });
});
