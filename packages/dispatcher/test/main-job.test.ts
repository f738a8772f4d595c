import { type JobEventDocument, jobEventSchema, jobHostListSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, finished, jobRequest, plan, sealedMarker, submit } from './support/cluster.js';
import { fail, succeed } from './support/attempt-scripts.js';

describe('a job from plan to end', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.make();
  });
  afterEach(() => cluster.stop());
  afterAll(() => cluster.remove());

  it('runs on every host, and tells each state once', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 2 ? fail(attempt, self) : succeed(attempt, self)),
    });
    const job = await submit(api, jobRequest('web[1-5].east'));
    expect(job).toMatchObject({ id: 'p0000000001', hosts: 5, submitter: 'ada', title: 'echo hello' });

    const events: JobEventDocument[] = [];
    for await (const line of api.lines(`/v1/jobs/${job.id}/events?follow`)) {
      events.push(jobEventSchema.parse(JSON.parse(line)));
    }
    expect(events[0]).toMatchObject({ type: 'job-state', state: 'accepted', counts: { waiting: 5 } });
    expect(events.at(-1)).toMatchObject({
      type: 'job-state',
      state: 'failed',
      counts: { succeeded: 4, failed: 1 },
    });
    expect(events.filter(({ type }) => type === 'host-finished')).toHaveLength(5);
    expect(events.find((event) => event.type === 'hosts-state' && event.state === 'assigned')).toMatchObject({
      hosts: 'web[1-5].east',
      count: 5,
    });

    const hosts = jobHostListSchema.parse((await api.call(`/v1/jobs/last/hosts?state=failed`)).json());
    expect(hosts.hosts).toEqual([
      {
        host: 'web3.east',
        state: 'failed',
        attempt: 1,
        worker: 'worker-1',
        outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 3, message: 'exited with 3' },
      },
    ]);
    await worker.until(() => worker.closed.length > 0);
    expect(worker.closed).toEqual([1]);
  });

  it('gives the worker the sealed credentials, and keeps them out of log and logs', async () => {
    const { dispatcher, api, logged } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher);
    let seen: unknown;
    worker.script = (attempt, self) => {
      seen = self.opened.get(attempt.job)?.credentials;
      return succeed(attempt, self);
    };
    const job = await submit(api, jobRequest('one'));
    expect((await finished(api, job.id)).state).toBe('succeeded');
    expect(seen).toMatchObject({ ciphertext: sealedMarker });
    expect(logged()).toContain('a worker has connected');
    expect(logged()).not.toContain(sealedMarker);
  });

  it('never has more hosts disturbed than the job allows', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    let open = 0;
    let peak = 0;
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => {
        peak = Math.max(peak, ++open);
        queueMicrotask(() => open--);
        return succeed(attempt, self);
      },
    });
    const request = jobRequest('h[1-30]', {
      limits: { concurrent: '10%', maxFailures: null, jobTimeoutMs: 60_000 },
    });
    expect((await plan(api, request)).limits.concurrent).toBe(3);
    expect((await finished(api, (await submit(api, request)).id)).counts).toEqual({ succeeded: 30 });
    expect(peak).toBeLessThanOrEqual(3);
    expect(worker.assigned).toHaveLength(30);
  });
});
