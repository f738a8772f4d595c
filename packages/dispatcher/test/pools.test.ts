/** Pools over the API: plans say who can't be reached, orders go to the right worker, and explanations name the pool. */
import { explanationSchema, pingResponseSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import {
  Cluster,
  finished,
  hostsOf,
  jobRequest,
  plan,
  type RunningDispatcher,
  submit,
} from './support/cluster.js';
import { succeed } from './support/scripted-worker.js';

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

describe('a worker', () => {
  it('tells its pools to whoever asks for the parts', async () => {
    const { api, dispatcher } = running;
    await cluster.worker(dispatcher, { pools: ['east', 'west'] });
    const { workers } = pingResponseSchema.parse((await api.call('/v1/ping')).json());
    expect(workers).toMatchObject([{ name: 'worker-1', pools: ['east', 'west'] }]);
  });
});
