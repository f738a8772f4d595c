import { type JobEventDocument, jobEventSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { begin, silence, succeed } from './support/attempt-scripts.js';

describe("a job's events", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.make();
  });
  afterEach(() => cluster.stop());
  afterAll(() => cluster.remove());

  async function all(api: ApiClient, path: string): Promise<JobEventDocument[]> {
    const events: JobEventDocument[] = [];
    for await (const line of api.lines(path)) events.push(jobEventSchema.parse(JSON.parse(line)));
    return events;
  }

  /** Server-Sent Events as a browser reads them. */
  async function* sse(
    api: ApiClient,
    path: string,
    lastEventId?: string,
  ): AsyncGenerator<{ id: string; event: string; data: JobEventDocument }> {
    let fields: Record<string, string> = {};
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    };
    for await (const line of api.lines(path, { headers })) {
      if (line === '') {
        const { id, event, data } = fields;
        fields = {};
        if (data === undefined) continue;
        yield { id: id!, event: event!, data: jobEventSchema.parse(JSON.parse(data)) };
      } else if (!line.startsWith(':')) {
        const colon = line.indexOf(': ');
        fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
    }
  }

  it('go on behind the last one that was seen, wherever the stream broke', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher);
    const job = await submit(
      api,
      jobRequest('n[1-6]', { limits: { concurrent: '2', maxFailures: null, jobTimeoutMs: 60_000 } }),
    );
    const whole = await all(api, `/v1/jobs/${job.id}/events?follow`);
    const ids = whole.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [at, id] of ids.entries()) {
      const rest = await all(api, `/v1/jobs/${job.id}/events?after=${id}`);
      expect(rest).toEqual(whole.slice(at + 1));
    }
    const seen: JobEventDocument[] = [];
    for await (const { id, event, data } of sse(api, `/v1/jobs/${job.id}/events`, ids[3])) {
      expect(data).toMatchObject({ id, type: event });
      seen.push(data);
    }
    expect(seen).toEqual(whole.slice(4));
  });

  it('come live, and end with the job', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: silence });
    const job = await submit(api, jobRequest('one'));
    const stream = sse(api, `/v1/jobs/${job.id}/events`);
    const types: string[] = [];
    for await (const { data } of stream) {
      const type = data.type === 'host-finished' ? data.type : `${data.type} ${data.state}`;
      types.push(type);
      const order = { job: 1, host: 0, attempt: 1 };
      // Each step is taken only after the one before was seen.
      if (type === 'hosts-state assigned') await worker.report([{ ...order, event: 'begun' }]);
      if (type === 'hosts-state connecting') await worker.report([{ ...order, event: 'started' }]);
      if (type === 'hosts-state running') await worker.report(succeed(order, worker));
    }
    expect(types).toEqual([
      'job-state accepted',
      'job-state running',
      'hosts-state permitted',
      'hosts-state assigned',
      'hosts-state connecting',
      'hosts-state running',
      'host-finished',
      'job-state succeeded',
    ]);
  });

  it('without follow end with what has happened so far', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    for await (const { data } of sse(api, `/v1/jobs/${job.id}/events`)) {
      if (data.type === 'hosts-state' && data.state === 'running') break;
    }
    const events = await all(api, `/v1/jobs/${job.id}/events`);
    expect(events.at(-1)).toMatchObject({ type: 'hosts-state', state: 'running', hosts: 'a[1-2]' });
  });

  it('are made up from the present state where the log was pruned', async () => {
    const { dispatcher, api } = await cluster.dispatcher({
      limits: { snapshotEveryEntries: 5, recentEntries: 1 },
    });
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host < 3 ? succeed(attempt, self) : begin(attempt, self)),
    });
    const job = await submit(api, jobRequest('a[1-4]'));
    const live = all(api, `/v1/jobs/${job.id}/events?follow`);
    for await (const { data } of sse(api, `/v1/jobs/${job.id}/events`)) {
      if (data.type === 'host-finished' && data.host === 'a3') break;
    }
    for (let other = 0; other < 4; other++) {
      const finishedOther = await submit(api, jobRequest(`other${other}`));
      worker.script = succeed;
      await finished(api, finishedOther.id);
    }
    const late = await all(api, `/v1/jobs/${job.id}/events`);
    expect(late.filter(({ type }) => type === 'host-finished')).toHaveLength(3);
    expect(late.at(-1)).toMatchObject({
      type: 'job-state',
      state: 'running',
      counts: { succeeded: 3, running: 1 },
    });
    const order = { job: 1, host: 3, attempt: 1 };
    await worker.report([{ ...order, event: 'finished', outcome: { state: 'succeeded', exitCode: 0 } }]);
    const rest = await all(api, `/v1/jobs/${job.id}/events?after=${late.at(-1)!.id}`);
    // Told again from the present state: nothing may be missing behind what was seen.
    const again = rest.flatMap((event) => (event.type === 'host-finished' ? [event.host] : []));
    expect(again).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(rest.at(-1)).toMatchObject({ state: 'succeeded' });
    expect(await all(api, `/v1/jobs/${job.id}/events?after=${rest.at(-1)!.id}`)).toEqual([]);
    expect((await live).at(-1)).toMatchObject({ state: 'succeeded', counts: { succeeded: 4 } });
  });

  it('of a follower that reads nothing hold up nobody, and are all there when it reads', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { recentEntries: 10 } });
    const worker = await cluster.worker(dispatcher, { capacity: 1 });
    const hosts = 600;
    const message = 'x'.repeat(1500);
    worker.script = (attempt) => [
      { ...attempt, event: 'finished', outcome: { state: 'failed', reason: 'exit-nonzero', message } },
    ];
    const job = await submit(api, jobRequest(`h[1-${hosts}]`));
    const response = await api.open(`/v1/jobs/${job.id}/events?follow`);
    response.pause();
    expect((await finished(api, job.id)).counts).toEqual({ failed: hosts });

    let text = '';
    for await (const chunk of response) text += String(chunk);
    const events = text
      .trim()
      .split('\n')
      .map((line) => jobEventSchema.parse(JSON.parse(line)));
    const names = events.flatMap((event) => (event.type === 'host-finished' ? [event.host] : []));
    expect(names).toEqual(Array.from({ length: hosts }, (_, at) => `h${at + 1}`));
    expect(events.at(-1)).toMatchObject({ type: 'job-state', state: 'failed' });
  });
});
