import { jobEventSchema, type JobSpec, jobSpecSchema, specDigest, verbResponseSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient, Reply } from './support/api-client.js';
import {
  Cluster,
  finished,
  hostsOf,
  jobRequest,
  type RunningDispatcher,
  sealFor,
  submit,
} from './support/cluster.js';
import { begin, fail, type Script, silence, succeed } from './support/attempt-scripts.js';
import { type ScriptedWorker } from './support/scripted-worker.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const specOf = async (api: ApiClient, id = 'last'): Promise<JobSpec> =>
  jobSpecSchema.parse((await api.call(`/v1/jobs/${id}/spec`)).json());

async function act(api: ApiClient, verb: string, body: object, id = 'last'): Promise<Reply> {
  return api.call(`/v1/jobs/${id}/${verb}`, { body });
}

/** With credentials sealed anew. */
async function actSealed(api: ApiClient, verb: string, body: object = {}, id = 'last'): Promise<Reply> {
  return act(api, verb, { ...body, credentials: sealFor(await specOf(api, id)) }, id);
}

const problemOf = (reply: Reply) => {
  const { type, detail } = reply.json() as { type: string; detail: string };
  return { status: reply.status, code: type.replace('urn:pogo:problem:', ''), detail };
};

const unknown: Script = (attempt) => [
  { ...attempt, event: 'finished', outcome: { state: 'unknown', reason: 'rexec-lost', message: 'it died' } },
];

/** A job of two hosts, the second of which ended as unknown. */
async function withUnknown(): Promise<RunningDispatcher & { worker: ScriptedWorker }> {
  const running = await cluster.dispatcher();
  const worker = await cluster.worker(running.dispatcher, {
    script: (attempt, self) => (attempt.host === 1 ? unknown(attempt, self) : succeed(attempt, self)),
  });
  await finished(running.api, (await submit(running.api, jobRequest('a[1-2]'))).id);
  await worker.until(() => worker.closed.length === 1);
  return { ...running, worker };
}

describe('GET spec', () => {
  it('gives what was sealed over, and whom to seal for', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher);
    const job = await submit(api, jobRequest('a'));
    const { spec, digest, recipients } = await specOf(api);
    expect(specDigest(spec)).toBe(job.digest);
    expect(digest).toBe(job.digest);
    expect(recipients.map((recipient) => recipient.worker)).toEqual(['worker-1']);
    await worker.stop();
    expect((await api.call('/v1/jobs/77/spec')).status).toBe(404);
  });
});

describe('a retry', () => {
  it('runs what failed again, as another attempt, with credentials sealed anew', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 2 ? fail : succeed)(attempt, self),
    });
    const first = await finished(api, (await submit(api, jobRequest('a[1-3]'))).id);
    expect(first).toMatchObject({ state: 'failed', counts: { succeeded: 2, failed: 1 } });
    expect(problemOf(await act(api, 'retry', {}))).toMatchObject({ status: 409, code: 'credentials-needed' });

    worker.script = succeed;
    const reply = await actSealed(api, 'retry');
    expect(reply.status).toBe(202);
    const answer = verbResponseSchema.parse(reply.json());
    expect(answer).toMatchObject({ affected: 'a3', affectedHosts: 1, job: { state: 'running' } });
    expect(answer.job.endedAtMs).toBeUndefined();
    expect(await finished(api, first.id)).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 } });
    expect(worker.assigned.at(-1)).toEqual({ job: 1, host: 2, attempt: 2 });
    expect(worker.openings).toHaveLength(2);
    expect(problemOf(await actSealed(api, 'retry'))).toMatchObject({ status: 409, code: 'nothing-to-do' });
  });

  it('leaves the output of the attempt before readable', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: fail });
    const { id } = await submit(api, jobRequest('a'));
    await finished(api, id);
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: Buffer.from('first') });
    worker.script = begin;
    await actSealed(api, 'retry');
    await worker.until(() => worker.assigned.length === 2);
    worker.write(1, { host: 0, attempt: 2, stream: 'stdout', data: Buffer.from('second') });
    await worker.report(succeed(worker.assigned[1]!, worker));
    await finished(api, id);
    const output = async (attempt: string) => {
      const reply = await api.call(`/v1/jobs/${id}/hosts/a/output${attempt}`);
      return [reply.status, reply.body.toString()];
    };
    expect(await output('?attempt=1')).toEqual([200, 'first']);
    expect(await output('?attempt=2')).toEqual([200, 'second']);
    expect(await output('')).toEqual([200, 'second']);
    expect((await output('?attempt=3'))[0]).toBe(404);
    await worker.stop();
    expect((await output('?attempt=1'))[0]).toBe(503);
  });

  it('is told in the events, behind the first end, to whoever reads them from the beginning', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: fail });
    const { id } = await submit(api, jobRequest('a'));
    await finished(api, id);
    worker.script = succeed;
    await actSealed(api, 'retry');
    await finished(api, id);
    const told: string[] = [];
    for await (const line of api.lines(`/v1/jobs/${id}/events`)) {
      const event = jobEventSchema.parse(JSON.parse(line));
      if (event.type === 'host-finished') told.push(`${event.attempt} ${event.outcome.state}`);
      else told.push(event.type === 'job-state' ? `job ${event.state}` : event.state);
    }
    expect(told).toEqual([
      ...['job accepted', 'job running', 'permitted', 'assigned', '1 failed', 'job failed'],
      ...['job running', 'waiting', 'permitted', 'assigned', '2 succeeded', 'job succeeded'],
    ]);
  });

  it('of a running job takes the credentials that are there', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 0 && attempt.attempt === 1 ? fail : begin)(attempt, self),
    });
    await submit(api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    for await (const line of api.lines('/v1/jobs/last/events?follow'))
      if (line.includes('exit-nonzero')) break;
    expect((await act(api, 'retry', { hosts: 'a1' })).status).toBe(202);
    await worker.until(() => worker.assigned.length === 3);
    expect(worker.assigned[2]).toEqual({ job: 1, host: 0, attempt: 2 });
    expect(worker.openings).toHaveLength(1);
  });

  it('of a running job with other credentials brings these to the worker first', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 0 ? fail : begin)(attempt, self),
    });
    await submit(api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    for await (const line of api.lines('/v1/jobs/last/events?follow'))
      if (line.includes('exit-nonzero')) break;
    const credentials = { ...sealFor(await specOf(api)), ciphertext: 'b3RoZXI' };
    expect((await act(api, 'retry', { hosts: 'a1', credentials })).status).toBe(202);
    await worker.until(() => worker.assigned.length === 3);
    expect(worker.openings.map((opening) => opening.credentials.ciphertext)).toEqual([
      expect.not.stringMatching('b3RoZXI') as string,
      'b3RoZXI',
    ]);
  });

  it('takes hosts of unknown outcome only when they are named', async () => {
    const { api, worker } = await withUnknown();
    expect(problemOf(await actSealed(api, 'retry'))).toMatchObject({ code: 'nothing-to-do' });
    worker.script = succeed;
    expect((await actSealed(api, 'retry', { hosts: '*2' })).status).toBe(202);
    expect(await finished(api, 'p1')).toMatchObject({ state: 'succeeded' });
    expect(worker.orders.at(-1)).toMatchObject({ host: 1, attempt: 2, fence: false });
  });

  it('where a worker may come back asks for a word, and carries the fence to the host', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { workerLostAfterMs: 20 } });
    const gone = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a'));
    await gone.until(() => gone.assigned.length === 1);
    const ended = finished(api, 'p1');
    await gone.stop();
    expect(await ended).toMatchObject({ counts: { unknown: 1 } });
    const other = await cluster.worker(dispatcher, { journal: 'other', incarnation: 'other' });
    const refused = await actSealed(api, 'retry', { hosts: 'a' });
    expect(problemOf(refused)).toMatchObject({ status: 409, code: 'worker-may-return' });
    expect(refused.json()).toMatchObject({ errors: [{ path: 'hosts', message: 'a' }] });
    expect(problemOf(await act(api, 'release', { hosts: 'a' }))).toMatchObject({ code: 'worker-may-return' });
    expect((await actSealed(api, 'retry', { hosts: 'a', fence: true })).status).toBe(202);
    await other.until(() => other.orders.length === 1);
    expect(other.orders[0]).toMatchObject({ attempt: 2, fence: true });
    expect(other.orders[0]!.index).toBeGreaterThan(gone.orders[0]!.index);
  });

  it('names what is wrong with its hosts, and with its credentials', async () => {
    const { api } = await withUnknown();
    const strange = await act(api, 'retry', { hosts: 'a[1-2],b7' });
    expect(problemOf(strange)).toMatchObject({ status: 404, code: 'unknown-host' });
    expect(strange.json()).toMatchObject({ errors: [{ path: 'hosts', message: 'b7' }] });
    expect(problemOf(await act(api, 'retry', { hosts: 'a[' }))).toMatchObject({ code: 'invalid-target' });
    const spec = await specOf(api);
    const elsewhere = sealFor({ ...spec, digest: `sha256:${'0'.repeat(64)}` });
    const digest = await act(api, 'retry', { hosts: 'a2', credentials: elsewhere });
    expect(problemOf(digest)).toMatchObject({ status: 422, code: 'digest-mismatch' });
    const [recipient] = spec.recipients;
    const stranger = sealFor({ ...spec, recipients: [{ ...recipient!, kid: 'sha256:other' }] });
    const unknownKey = await act(api, 'retry', { hosts: 'a2', credentials: stranger });
    expect(problemOf(unknownKey)).toMatchObject({ status: 409, code: 'recipients-changed' });
    expect(problemOf(await act(api, 'retry', {}, '99'))).toMatchObject({ status: 404, code: 'unknown-job' });
  });

  it('of a job that was archived is refused in so many words', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { endedHosts: 0, archiveEveryMs: 5 } });
    await cluster.worker(dispatcher, { script: fail });
    await finished(api, (await submit(api, jobRequest('a'))).id);
    for (let live = true; live;) {
      const outcome = await dispatcher.leader.read((state) => state.jobs.has(1));
      live = outcome.kind === 'ok' && outcome.answer;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const refused = problemOf(await actSealed(api, 'retry', {}, '1'));
    expect(refused).toMatchObject({ status: 409, code: 'job-ended' });
    expect(refused.detail).toContain('archived');
  });
});

describe('a resolution', () => {
  it('has the worker ask the host, and puts the evidence in place of unknown', async () => {
    const { api, worker } = await withUnknown();
    expect(problemOf(await actSealed(api, 'resolve', { hosts: 'a1' }))).toMatchObject({
      status: 409,
      code: 'host-not-unknown',
    });
    expect(problemOf(await act(api, 'resolve', {}))).toMatchObject({ code: 'credentials-needed' });
    const reply = await actSealed(api, 'resolve');
    expect(verbResponseSchema.parse(reply.json())).toMatchObject({
      affected: 'a2',
      job: { state: 'running' },
    });
    await worker.until(() => worker.asked.length === 1);
    expect(worker.asked[0]).toMatchObject({
      job: 1,
      attempts: [{ host: 1, attempt: 1, index: worker.orders.find(({ host }) => host === 1)!.index }],
    });
    await worker.report([
      { job: 1, host: 1, attempt: 1, event: 'finished', outcome: { state: 'succeeded', exitCode: 0 } },
    ]);
    expect(await finished(api, 'p1')).toMatchObject({ state: 'succeeded', counts: { succeeded: 2 } });
    await worker.until(() => worker.closed.length === 2);
  });

  it('that finds nothing ends the job again, and says why of each host', async () => {
    const { api, worker } = await withUnknown();
    await actSealed(api, 'resolve', { hosts: 'a2' });
    await worker.until(() => worker.asked.length === 1);
    await worker.report([
      { job: 1, host: 1, attempt: 1, event: 'unsettled', detail: 'no record of it on the host' },
    ]);
    expect(await finished(api, 'p1')).toMatchObject({ state: 'failed', counts: { unknown: 1 } });
    expect((await hostsOf(api))[1]).toMatchObject({
      state: 'unknown',
      unsettled: 'no record of it on the host',
    });
  });

  it('is asked for again when the worker comes back', async () => {
    const { api, worker } = await withUnknown();
    await actSealed(api, 'resolve');
    await worker.until(() => worker.asked.length === 1);
    worker.disconnect();
    await worker.until(() => worker.asked.length === 2);
    expect(worker.asked[1]).toEqual(worker.asked[0]);
  });

  it('is given up when the worker stays away', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { workerLostAfterMs: 20 } });
    const worker = await cluster.worker(dispatcher, { script: unknown });
    await finished(api, (await submit(api, jobRequest('a'))).id);
    await actSealed(api, 'resolve');
    await worker.until(() => worker.asked.length === 1);
    await worker.stop();
    expect(await finished(api, 'p1')).toMatchObject({ state: 'failed' });
    expect((await hostsOf(api))[0]!.unsettled).toContain('has been away');
  });

  it('without a worker that could ask is refused', async () => {
    const { api, worker } = await withUnknown();
    const credentials = sealFor(await specOf(api));
    await worker.stop();
    for (let gone = false; !gone;) {
      const ping = (await api.call('/v1/ping')).json() as { workers: { connected: boolean }[] };
      gone = !ping.workers[0]!.connected;
    }
    const refused = await act(api, 'resolve', { credentials });
    expect(problemOf(refused)).toMatchObject({ status: 503, code: 'no-worker' });
  });
});

describe('a release', () => {
  it('is shown with the host, and frees the cap', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) => (attempt.host === 0 ? unknown : begin)(attempt, self),
    });
    await submit(
      api,
      jobRequest('a[1-3]', { limits: { concurrent: '2', maxFailures: null, jobTimeoutMs: 60_000 } }),
    );
    await worker.until(() => worker.assigned.length === 2);
    for await (const line of api.lines('/v1/jobs/last/events?follow')) if (line.includes('it died')) break;
    const reply = await act(api, 'release', { hosts: 'a1' });
    expect(verbResponseSchema.parse(reply.json())).toMatchObject({ affected: 'a1', affectedHosts: 1 });
    await worker.until(() => worker.assigned.length === 3);
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'unknown', released: true });
    expect(problemOf(await act(api, 'release', { hosts: 'a1' }))).toMatchObject({ code: 'nothing-to-do' });
  });
});

describe('a skip', () => {
  it('passes over hosts that have no order', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: silence, capacity: 1 });
    await submit(api, jobRequest('a[1-3]'));
    await worker.until(() => worker.assigned.length === 1);
    const reply = await act(api, 'skip', { hosts: 'a[1-2]' });
    expect(verbResponseSchema.parse(reply.json())).toMatchObject({ affected: 'a2' });
    worker.script = succeed;
    await worker.report(succeed(worker.assigned[0]!, worker));
    expect(await finished(api, 'p1')).toMatchObject({ counts: { succeeded: 2, skipped: 1 } });
    expect(problemOf(await act(api, 'skip', { hosts: 'a3' }))).toMatchObject({ code: 'job-ended' });
  });
});
