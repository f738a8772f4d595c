/** Credentials at more than one dispatcher: held before they are decided on (V1), there for whoever takes over (V2). */
import { randomUUID } from 'node:crypto';
import { parseJobId } from '@pogo/core';
import {
  type FetchCredentialsParams,
  type JobDocument,
  jobSchema,
  jobSpecSchema,
  type SealedCredentials,
} from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fail, silence, succeed } from './support/attempt-scripts.js';
import { coastFile } from './support/coast-namespace.js';
import {
  Cluster,
  finished,
  jobRequest,
  plan,
  type RunningDispatcher,
  sealedMarker,
  sealFor,
  submit,
} from './support/cluster.js';
import { metric, sees, SeveralDispatchers, waiting } from './support/several-dispatchers.js';

let cluster: Cluster;
let several: SeveralDispatchers;
beforeAll(async () => {
  cluster = await Cluster.make();
});
beforeEach(() => {
  several = new SeveralDispatchers(cluster);
});
afterEach(() => several.stop());
afterAll(() => cluster.remove());

/** A job that was accepted while no worker is there any more, and what was sealed for it. */
async function waitingJob(
  running: RunningDispatcher,
): Promise<{ job: JobDocument; credentials: SealedCredentials }> {
  const { dispatcher: at, api } = running;
  const worker = await cluster.worker(at);
  const planned = await plan(api, jobRequest('a[1-2]'));
  await worker.stop();
  await metric(running, 'pogo_worker_connected{worker="worker-1"} 0');
  const credentials = sealFor(planned);
  const { spec, digest, limits } = planned;
  const reply = await api.call('/v1/jobs', {
    headers: { 'idempotency-key': randomUUID() },
    body: { spec, digest, limits, credentials },
  });
  expect(reply.status, reply.body.toString()).toBe(202);
  return { job: jobSchema.parse(reply.json()), credentials };
}

/** Runs the job there with a worker that comes only now, to the end; resolves to what that got. */
async function runAt({ dispatcher: at, api }: RunningDispatcher, { id }: JobDocument) {
  await at.leader.leading();
  const worker = await cluster.worker(at);
  expect(await finished(api, id)).toMatchObject({ state: 'succeeded' });
  for await (const line of api.lines(`/v1/jobs/${id}/events`))
    expect(line).not.toContain('needs-credentials');
  return worker.openings.at(-1)!.credentials;
}

const keyOf = ({ id, digest, acceptedAtMs }: JobDocument) => ({
  job: parseJobId(id)!,
  digest,
  credentialsAtMs: acceptedAtMs,
});

describe('the acceptance of a job', () => {
  it('waits until another dispatcher holds the credentials (V1)', async () => {
    const one = await several.dispatcher('one');
    await cluster.worker(one.dispatcher, { script: silence });
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const three = await several.third(['one'], { hold: () => released });
    let isAccepted = false;
    const job = submit(one.api, jobRequest('a1')).finally(() => (isAccepted = true));
    await three.until(() => three.held.length === 1);
    expect((await one.api.call('/v1/jobs')).json()).toEqual({ jobs: [] });
    expect(isAccepted).toBe(false);
    release();
    const { digest } = await job;
    expect(three.held).toMatchObject([
      { namespace: 0, digest, credentials: { ciphertext: sealedMarker }, for: { kind: 'submission' } },
    ]);
    expect(three.withdrawn).toEqual([]);
    expect(one.logged()).not.toContain('held by this dispatcher alone');
    await metric(one, 'pogo_dispatchers_connected 1');
  });

  it('goes on alone when nobody answers in time, and says so', async () => {
    const one = await several.dispatcher('one', { credentialsCopyMs: 5 });
    await cluster.worker(one.dispatcher);
    const three = await several.third(['one'], { hold: () => new Promise(() => {}) });
    const { digest } = await submit(one.api, jobRequest('a1'));
    expect(three.held).toHaveLength(1);
    expect(one.logged()).toContain('credentials are held by this dispatcher alone');
    expect(one.logged()).toContain(digest);
    expect(one.logged()).not.toContain(sealedMarker);
    await metric(one, 'pogo_held_alone_total{what="credentials"} 1');
  });

  it('goes on at once where there is no other dispatcher, or none that can be reached', async () => {
    const one = await several.dispatcher('one');
    await cluster.worker(one.dispatcher);
    await submit(one.api, jobRequest('a1'));
    expect(one.logged()).not.toContain('held by this dispatcher alone');
    const three = await several.third(['one']);
    await three.stop();
    await sees(one, 0);
    await submit(one.api, jobRequest('a1'));
    expect(one.logged()).toContain('credentials are held by this dispatcher alone');
    await metric(one, 'pogo_held_alone_total{what="credentials"} 2');
  });

  it('has nobody keep what was refused', async () => {
    const one = await several.dispatcher('one');
    await cluster.worker(one.dispatcher, { script: silence });
    const three = await several.third(['one']);
    await submit(one.api, jobRequest('a1'));
    const { recipients } = jobSpecSchema.parse((await one.api.call('/v1/jobs/last/spec')).json());
    const { digest } = jobSchema.parse((await one.api.call('/v1/jobs/last')).json());
    const reply = await one.api.call('/v1/jobs/last/retry', {
      body: { credentials: sealFor({ digest, recipients }) },
    });
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:nothing-to-do' });
    await three.until(() => three.withdrawn.length === 1);
    expect(three.held.at(-1)).toMatchObject({ id: three.withdrawn[0], for: { kind: 'renewal' } });
  });
});

describe('a dispatcher that takes over', () => {
  it('has the credentials of a job that no worker had yet (V2)', async () => {
    const { one, two } = await several.pair();
    const { job, credentials } = await waitingJob(one);
    await one.stop();
    expect(await runAt(two, job)).toEqual(credentials);
    expect(two.logged()).not.toContain('credentials were asked of another dispatcher');
  });

  it('has those that a person gave anew', async () => {
    const { one, two } = await several.pair();
    const first = await cluster.worker(one.dispatcher, { script: fail });
    const job = await submit(one.api, jobRequest('a1'));
    await finished(one.api, job.id);
    const spec = jobSpecSchema.parse((await one.api.call('/v1/jobs/last/spec')).json());
    await first.stop();
    const credentials = { ...sealFor(spec), ciphertext: 'cmVuZXdlZA' };
    const reply = await one.api.call('/v1/jobs/last/retry', { body: { credentials } });
    expect(reply.status, reply.body.toString()).toBe(202);
    await one.stop();
    expect(await runAt(two, job)).toEqual(credentials);
  });

  it('has them for a namespace that was made elsewhere', async () => {
    const { one, two } = await several.pair();
    await one.api.call('/v1/namespaces/coast', {
      method: 'PUT',
      headers: { 'if-none-match': '*' },
      body: { file: 'prod.yaml', text: coastFile('25%') },
    });
    const worker = await cluster.worker(one.dispatcher, { script: silence, pools: ['default', 'east'] });
    const job = await submit(one.api, jobRequest('foo1.east', { namespace: 'coast' }));
    await worker.stop();
    const three = await several.third(['two']);
    await vi.waitFor(async () => expect(await three.fetch('two', keyOf(job))).toBeDefined(), waiting);
    expect(two.logged()).not.toContain('credentials were asked of another dispatcher');
  });

  it('asks the others for what it was never given', async () => {
    // What it is offered is gone before the log speaks of it.
    const { one, two } = await several.pair({ offersKeptMs: 0 });
    const { job, credentials } = await waitingJob(one);
    const three = await several.third(['two']);
    await vi.waitFor(async () => expect(await three.fetch('two', keyOf(job))).toEqual(credentials), waiting);
    await one.stop();
    expect(await runAt(two, job)).toEqual(credentials);
  });
});

describe('a dispatcher that starts', () => {
  it('has the credentials of running jobs from the others before it is ready (V2)', async () => {
    const { one, two } = await several.pair();
    const { job, credentials } = await waitingJob(one);
    await two.stop();
    await sees(one, 0);
    const again = await several.dispatcher('two');
    expect((await again.api.call('/readyz')).status).toBe(200);
    await one.stop();
    expect(await runAt(again, job)).toEqual(credentials);
  });

  it('and leads at once waits for the others before it says that a job needs credentials', async () => {
    const one = await several.dispatcher('one');
    const { job, credentials } = await waitingJob(one);
    await one.stop();
    const asked: FetchCredentialsParams[] = [];
    await several.third([], {
      fetch: (wanted) => {
        asked.push(wanted);
        return { kind: 'held', credentials, leftMs: 60_000 };
      },
    });
    const again = await several.dispatcher('one', { vaultRefillMs: 60_000 });
    expect(await runAt(again, job)).toEqual(credentials);
    expect(asked).toEqual([keyOf(job)]);
  });

  it.each([
    ['for other recipients', (sealed: SealedCredentials) => ({ ...sealed, recipients: [stranger] }), 60_000],
    ['whose time is over', (sealed: SealedCredentials) => sealed, 0],
  ])('does not take credentials %s', async (_what, change, leftMs) => {
    const one = await several.dispatcher('one');
    const { credentials } = await waitingJob(one);
    await one.stop();
    let asked = 0;
    await several.third([], {
      fetch: () => {
        asked++;
        return { kind: 'held', credentials: change(credentials), leftMs };
      },
    });
    const { api } = await several.dispatcher('one');
    for await (const line of api.lines('/v1/jobs/last/events?follow'))
      if (line.includes('needs-credentials')) break;
    expect(asked).toBeGreaterThan(0);
  });
});

describe('what is held for another dispatcher', () => {
  it('goes when the job ends', async () => {
    const { one, two } = await several.pair();
    const worker = await cluster.worker(one.dispatcher, { script: silence });
    const job = await submit(one.api, jobRequest('a1'));
    const three = await several.third(['one', 'two']);
    await vi.waitFor(async () => expect(await three.fetch('two', keyOf(job))).toBeDefined(), waiting);
    await worker.until(() => worker.assigned.length === 1);
    await worker.report(succeed(worker.assigned[0]!, worker));
    await finished(two.api, job.id);
    await vi.waitFor(async () => expect(await three.fetch('two', keyOf(job))).toBeUndefined(), waiting);
    expect(await three.fetch('one', keyOf(job))).toBeUndefined();
  });

  it('is given for the entry alone that brought it', async () => {
    const { one } = await several.pair();
    const { job, credentials } = await waitingJob(one);
    const three = await several.third(['one', 'two']);
    const key = keyOf(job);
    await vi.waitFor(async () => expect(await three.fetch('two', key)).toEqual(credentials), waiting);
    expect(await three.fetch('one', key)).toEqual(credentials);
    for (const name of ['one', 'two']) {
      expect(await three.fetch(name, { ...key, credentialsAtMs: key.credentialsAtMs + 1 })).toBeUndefined();
      expect(await three.fetch(name, { ...key, digest: `sha256:${'1'.repeat(64)}` })).toBeUndefined();
      expect(await three.fetch(name, { ...key, job: key.job + 1 })).toBeUndefined();
    }
  });
});

const stranger = { header: { alg: 'RSA-OAEP-256' as const, kid: 'sha256:stranger' }, encrypted_key: 'a2V5' };
