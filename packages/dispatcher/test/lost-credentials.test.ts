import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { jobHostListSchema, jobSpecSchema, verbResponseSchema } from '@pogo/protocol';
import { MemoryBacking, type Store } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate } from '../src/instance/issue-certificate.js';
import type { ApiClient } from './support/api-client.js';
import { Cluster, finished, jobRequest, type RunningDispatcher, sealFor, submit } from './support/cluster.js';
import { begin, silence, succeed } from './support/attempt-scripts.js';
import { type ScriptedWorker } from './support/scripted-worker.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const capacity = 1;

/** A dispatcher that dies with one host under way, of three unless told otherwise, and what its worker holds then. */
async function orphaned(targets = 'a[1-3]'): Promise<{ backing: MemoryBacking; worker: ScriptedWorker }> {
  const backing = new MemoryBacking();
  const store = backing.openHandle();
  const first = await cluster.dispatcher({ store });
  const worker = await cluster.worker(first.dispatcher, { script: begin, capacity });
  await submit(first.api, jobRequest(targets));
  await worker.until(() => worker.assigned.length === 1);
  await worker.stop();
  await first.stop();
  await store.close();
  return { backing, worker };
}

async function second(backing: MemoryBacking, vaultRefillMs: number): Promise<RunningDispatcher> {
  const running = await cluster.dispatcher({ store: backing.openHandle(), limits: { vaultRefillMs } });
  await running.dispatcher.leader.leading();
  return running;
}

/** A store that gives out no spec until it is let, and tells when it is asked for one. */
function withSpecsHeldBack(store: Store): { store: Store; asked: Promise<void>; release: () => void } {
  let tell = () => {};
  let release = () => {};
  const asked = new Promise<void>((resolve) => (tell = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  const { documents } = store;
  const held: Store = {
    log: (namespace) => store.log(namespace),
    documents: {
      get: async (key) => {
        if (key.startsWith('specs/')) {
          tell();
          await released;
        }
        return documents.get(key);
      },
      put: (key, value, expectedVersion) => documents.put(key, value, expectedVersion),
      delete: (key, expectedVersion) => documents.delete(key, expectedVersion),
      list: (prefix) => documents.list(prefix),
      watch: (prefix, signal) => documents.watch(prefix, signal),
    },
    leadership: store.leadership,
    describe: () => store.describe(),
    close: () => store.close(),
  };
  return { store: held, asked, release };
}

const stateOf = async (api: ApiClient) =>
  ((await api.call('/v1/jobs/last')).json() as { state: string }).state;

async function until(api: ApiClient, word: string): Promise<void> {
  for await (const line of api.lines('/v1/jobs/last/events?follow')) if (line.includes(word)) return;
  throw new Error(`ended without ${word}`);
}

function credentialsOf(worker: ScriptedWorker) {
  const { job, digest, credentials } = worker.openings[0]!;
  return { job, digest, credentials };
}

describe('a dispatcher that starts with an empty vault', () => {
  it('gets the credentials of running jobs back from a worker, and goes on (V2)', async () => {
    const { backing, worker } = await orphaned();
    const { dispatcher, api } = await second(backing, 60_000);
    expect(await stateOf(api)).toBe('running');
    const back = await cluster.worker(dispatcher, {
      capacity,
      held: worker.assigned,
      credentials: [credentialsOf(worker)],
    });
    await back.until(() => back.returned.length === 1);
    expect(back.returned).toEqual(['ok']);
    await back.report(succeed(worker.assigned[0]!, back));
    expect(await finished(api, 'last')).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 } });
    // The worker had the job open all the time.
    expect(back.openings.length).toBeLessThanOrEqual(1);
  });

  it('waits no longer than until every worker that the log knows has answered', async () => {
    const { backing } = await orphaned();
    const { dispatcher, api } = await second(backing, 60_000_000);
    await cluster.worker(dispatcher, { capacity, held: [{ job: 1, host: 0, attempt: 1 }] });
    await until(api, 'needs-credentials');
    expect((await api.call('/v1/jobs/last')).json()).toMatchObject({
      state: 'needs-credentials',
      needs: expect.stringContaining('pogo resume') as string,
    });
  });

  it('waits for a time, and no longer, for workers that do not come', async () => {
    const { backing } = await orphaned();
    const { api } = await second(backing, 5);
    await until(api, 'needs-credentials');
  });

  it.each([
    ['another digest', { digest: `sha256:${'1'.repeat(64)}` }],
    ['another job', { job: 9 }],
  ])('does not take what a worker brings for %s', async (_what, changes) => {
    const { backing, worker } = await orphaned();
    const { dispatcher, api } = await second(backing, 5);
    const back = await cluster.worker(dispatcher, { capacity, held: worker.assigned });
    expect(await back.giveBack({ ...credentialsOf(worker), ...changes })).toBe('not-wanted');
    await until(api, 'needs-credentials');
  });

  it('does not take credentials that others than the job named could open', async () => {
    const { backing, worker } = await orphaned();
    const { dispatcher, api } = await second(backing, 5);
    const back = await cluster.worker(dispatcher, { capacity, held: worker.assigned });
    const given = credentialsOf(worker);
    const [recipient] = given.credentials.recipients;
    const wider = { ...recipient!, header: { ...recipient!.header, kid: 'sha256:stranger' } };
    const recipients = [...given.credentials.recipients, wider];
    expect(await back.giveBack({ ...given, credentials: { ...given.credentials, recipients } })).toBe(
      'not-wanted',
    );
    await until(api, 'needs-credentials');
  });

  it('does not take them for a job that ends before it has read how long they last', async () => {
    const { backing, worker } = await orphaned('a1');
    const { store, asked, release } = withSpecsHeldBack(backing.openHandle());
    const { dispatcher } = await cluster.dispatcher({ store, limits: { vaultRefillMs: 60_000 } });
    await dispatcher.leader.leading();
    const back = await cluster.worker(dispatcher, { held: worker.assigned });
    const answer = back.giveBack(credentialsOf(worker));
    await asked;
    await back.report(succeed(worker.assigned[0]!, back));
    await back.until(() => back.closed.includes(1));
    release();
    expect(await answer).toBe('not-wanted');
  });

  it('takes them late as well: the job goes on by itself', async () => {
    const { backing, worker } = await orphaned();
    const { dispatcher, api } = await second(backing, 1);
    await until(api, 'needs-credentials');
    const back = await cluster.worker(dispatcher, {
      held: worker.assigned,
      credentials: [credentialsOf(worker)],
    });
    await back.report(succeed(worker.assigned[0]!, back));
    expect(await finished(api, 'last')).toMatchObject({ state: 'succeeded' });
  });
});

describe('a job that needs credentials', () => {
  it('takes results of what runs, and goes on when it is resumed with new ones', async () => {
    const { backing, worker } = await orphaned();
    const { dispatcher, api } = await second(backing, 1);
    await until(api, 'needs-credentials');
    const back = await cluster.worker(dispatcher, { capacity, held: worker.assigned });
    await back.report(succeed(worker.assigned[0]!, back));
    expect(await stateOf(api)).toBe('needs-credentials');
    const bare = await api.call('/v1/jobs/last/resume', { body: {} });
    expect(bare.json()).toMatchObject({ type: 'urn:pogo:problem:credentials-needed' });

    const spec = jobSpecSchema.parse((await api.call('/v1/jobs/last/spec')).json());
    const reply = await api.call('/v1/jobs/last/resume', { body: { credentials: sealFor(spec) } });
    expect(verbResponseSchema.parse(reply.json())).toMatchObject({ affected: 'a[2-3]', affectedHosts: 2 });
    expect(await finished(api, 'last')).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 } });
    const again = await api.call('/v1/jobs/last/resume', { body: {} });
    expect(again.json()).toMatchObject({ type: 'urn:pogo:problem:job-ended' });
  });

  it('has orders that were decided handed over when there are credentials again', async () => {
    const { backing } = await orphaned();
    const { dispatcher, api } = await second(backing, 1);
    // The worker was started again: it never journaled the order, and nobody holds the credentials.
    const back = await cluster.worker(dispatcher, { capacity: 3, incarnation: 'again' });
    await until(api, 'needs-credentials');
    expect(back.assigned).toEqual([]);
    const spec = jobSpecSchema.parse((await api.call('/v1/jobs/last/spec')).json());
    await api.call('/v1/jobs/last/resume', { body: { credentials: sealFor(spec) } });
    expect(await finished(api, 'last')).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 } });
    expect(back.orders.find(({ host }) => host === 0)).toMatchObject({ attempt: 1 });
  });

  it('is also one whose only worker has another sealing key now (V3)', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const first = await cluster.worker(dispatcher, { script: begin, capacity });
    await submit(api, jobRequest('a[1-2]'));
    await first.until(() => first.assigned.length === 1);
    await first.stop();
    const { layout, read } = cluster.instance;
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const sealingCertificate = issueCertificate({
      name: 'worker-1',
      role: 'sealing',
      privateKey,
      issuer: {
        certificate: read(layout.instance.sealingRootCertificate),
        privateKey: read(layout.instance.sealingRootKey),
      },
      notBeforeMs: Date.now() - 100_000,
      notAfterMs: Date.now() + 1_000_000,
      serial: randomBytes(16),
    });
    const other = await cluster.worker(dispatcher, {
      capacity,
      incarnation: 'other',
      journal: 'other',
      sealingCertificate,
    });
    await until(api, 'needs-credentials');
    const spec = jobSpecSchema.parse((await api.call('/v1/jobs/last/spec')).json());
    await api.call('/v1/jobs/last/resume', { body: { credentials: sealFor(spec) } });
    expect(await finished(api, 'last')).toMatchObject({ counts: { succeeded: 1, unknown: 1 } });
    expect(other.assigned).toEqual([{ job: 1, host: 1, attempt: 1 }]);
  });

  it('that is halted leaves unknown what could not be handed over, and ends', async () => {
    const { backing } = await orphaned();
    const { dispatcher, api } = await second(backing, 1);
    await cluster.worker(dispatcher, { script: silence, incarnation: 'again' });
    await until(api, 'needs-credentials');
    expect((await api.call('/v1/jobs/last/halt', { body: { kill: false } })).status).toBe(202);
    expect(await finished(api, 'last')).toMatchObject({ state: 'halted', counts: { unknown: 1, halted: 2 } });
    const { hosts } = jobHostListSchema.parse((await api.call('/v1/jobs/last/hosts')).json());
    expect(hosts[0]).toMatchObject({ state: 'unknown', outcome: { reason: 'worker-lost' } });
  });

  it('that runs is not resumed', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a'));
    const reply = await api.call('/v1/jobs/last/resume', { body: {} });
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:job-running' });
  });
});
