import { randomBytes } from 'node:crypto';
import { type PingResponse, pingResponseSchema, protocolVersion } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate } from '../src/instance/issue-certificate.js';
import { Cluster, finished, hostsOf, jobRequest, submit } from './support/cluster.js';
import { begin, silence, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const limits = (concurrent: string | null) => ({ concurrent, maxFailures: null, jobTimeoutMs: 60_000 });

describe('a worker that connects', () => {
  it('is refused when it speaks another version of the link', async () => {
    const { dispatcher } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { protocol: 99 });
    expect(worker.refusals[0]).toContain('protocol-mismatch: worker worker-1 (');
    expect(worker.refusals[0]).toContain('speaks version 99 of the link, dispatcher dispatcher-1 (');
    expect(worker.refusals[0]).toContain(`version ${protocolVersion}`);
    expect(worker.refusals[0]).toContain('install the same release');
  });

  it('is taken when it speaks the next version, and this one as well', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const versions = { protocol: protocolVersion + 1, oldestProtocol: protocolVersion };
    const worker = await cluster.worker(dispatcher, versions);
    expect(worker.refusals).toEqual([]);
    expect(await finished(api, (await submit(api, jobRequest('a'))).id)).toMatchObject({
      state: 'succeeded',
    });
  });

  it('is refused when it is two versions ahead, with the versions of both', async () => {
    const { dispatcher } = await cluster.dispatcher();
    const versions = { protocol: protocolVersion + 2, oldestProtocol: protocolVersion + 1 };
    const worker = await cluster.worker(dispatcher, versions);
    expect(worker.refusals[0]).toContain(
      `speaks version ${protocolVersion + 2} (and ${protocolVersion + 1}) of the link`,
    );
  });

  it('is refused with a sealing certificate that the sealing root has not issued', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { workerWaitMs: 1 } });
    const { layout, read } = cluster.instance;
    const forged = issueCertificate({
      name: 'worker-1',
      role: 'sealing',
      privateKey: read(layout.worker.sealingKey),
      // The link root is no sealing root: a dispatcher can't invent a recipient.
      issuer: {
        certificate: read(layout.instance.linkRootCertificate),
        privateKey: read(layout.instance.linkRootKey),
      },
      notBeforeMs: Date.now() - 1000,
      notAfterMs: Date.now() + 1_000_000,
      serial: randomBytes(16),
    });
    const worker = await cluster.worker(dispatcher, { sealingCertificate: forged });
    expect(worker.refusals[0]).toContain('does not come from the sealing root');
    const reply = await api.call('/v1/plans', { body: jobRequest('a') });
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:no-worker' });
  });

  it.each([
    ['names another worker', { name: 'worker-2' }],
    ['has expired', { notAfterMs: -1_000_000 }],
    ['is not valid yet', { notBeforeMs: 1_000_000 }],
  ])('is refused with a sealing certificate that %s', async (cause, changes) => {
    const { dispatcher } = await cluster.dispatcher();
    const { layout, read } = cluster.instance;
    const {
      name = 'worker-1',
      notBeforeMs = -2_000_000,
      notAfterMs = 2_000_000,
    } = changes as {
      name?: string;
      notBeforeMs?: number;
      notAfterMs?: number;
    };
    const sealingCertificate = issueCertificate({
      name,
      role: 'sealing',
      privateKey: read(layout.worker.sealingKey),
      issuer: {
        certificate: read(layout.instance.sealingRootCertificate),
        privateKey: read(layout.instance.sealingRootKey),
      },
      notBeforeMs: Date.now() + notBeforeMs,
      notAfterMs: Date.now() + notAfterMs,
      serial: randomBytes(16),
    });
    const worker = await cluster.worker(dispatcher, { sealingCertificate });
    expect(worker.refusals[0]).toContain(cause);
  });

  it('is what ping tells, with its round trip', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { capacity: 7, script: begin });
    await submit(api, jobRequest('a[1-3]'));
    await worker.until(() => worker.assigned.length === 3);
    const ping: PingResponse = pingResponseSchema.parse((await api.call('/v1/ping')).json());
    expect(ping).toMatchObject({
      dispatcher: { name: 'dispatcher-1', term: 0 },
      workers: [{ name: 'worker-1', connected: true, capacity: 7, assigned: 3 }],
    });
    expect(ping.workers[0]!.roundTripMs).toBeGreaterThan(0);
  });

  it('gets no more than it can take', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    let open = 0;
    let peak = 0;
    await cluster.worker(dispatcher, {
      capacity: 4,
      script: (attempt, self) => {
        peak = Math.max(peak, ++open);
        queueMicrotask(() => open--);
        return succeed(attempt, self);
      },
    });
    expect((await finished(api, (await submit(api, jobRequest('h[1-40]'))).id)).state).toBe('succeeded');
    expect(peak).toBeLessThanOrEqual(4);
  });
});

describe('a worker that connects again', () => {
  it('is sent what it was assigned and does not hold, once, if it is the same process', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: silence });
    await submit(api, jobRequest('a[1-3]'));
    await worker.until(() => worker.assigned.length === 3);
    worker.held = worker.assigned.filter(({ host }) => host !== 1);
    worker.disconnect();
    await worker.until(() => worker.assigned.length === 4);
    expect(worker.assigned[3]).toEqual({ job: 1, host: 1, attempt: 1 });
    expect((await hostsOf(api)).map(({ state }) => state)).toEqual(['assigned', 'assigned', 'assigned']);
  });

  it('is sent what it gave no good answer to', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher);
    worker.failNextAssignment = true;
    const job = await submit(api, jobRequest('a'));
    expect(await finished(api, job.id)).toMatchObject({ state: 'succeeded' });
    expect(worker.assigned).toHaveLength(1);
  });

  it('is sent the same when it was started again, with the log index of each order (A2)', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const first = await cluster.worker(dispatcher, { script: silence, incarnation: 'first' });
    await submit(api, jobRequest('a[1-2]'));
    await first.until(() => first.assigned.length === 2);
    await first.stop();
    const held = [{ job: 1, host: 0, attempt: 1 }];
    const second = await cluster.worker(dispatcher, { incarnation: 'second', held });
    await second.until(() => second.orders.length === 1);
    expect(second.orders).toEqual([first.orders[1]]);
    expect(second.orders[0]).toMatchObject({ host: 1, attempt: 1, fence: false });
    expect(second.orders[0]!.index).toBeGreaterThan(0);
    await second.report(succeed(held[0]!, second));
    expect(await finished(api, 'p1')).toMatchObject({ state: 'succeeded', counts: { succeeded: 2 } });
  });

  it('without its journal leaves unknown what it was ordered before (A4)', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const first = await cluster.worker(dispatcher, { script: silence, journal: 'first' });
    await submit(api, jobRequest('a[1-2]'));
    await first.until(() => first.assigned.length === 2);
    await first.stop();
    const second = await cluster.worker(dispatcher, { journal: 'second', incarnation: 'second' });
    expect(await finished(api, 'p1')).toMatchObject({ state: 'failed', counts: { unknown: 2 } });
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'unknown', outcome: { reason: 'worker-lost' } });
    expect(second.assigned).toEqual([]);
    // Of those orders it knows nothing: its word on them counts no more.
    await second.report(succeed({ job: 1, host: 0, attempt: 1 }, second));
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'unknown' });
  });

  it('without its journal is refused while one with a journal is connected under its name', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const first = await cluster.worker(dispatcher, { script: begin, journal: 'first' });
    await submit(api, jobRequest('a'));
    await first.until(() => first.assigned.length === 1);
    const second = await cluster.worker(dispatcher, { journal: 'second', incarnation: 'second' });
    expect(second.refusals[0]).toContain('name-taken');
    expect((await hostsOf(api))[0]!.state).not.toBe('unknown');
    await first.report(succeed(first.assigned[0]!, first));
    expect(await finished(api, 'p1')).toMatchObject({ state: 'succeeded' });
  });

  it('hears of halts and ends that it missed', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a'));
    await submit(api, jobRequest('b'));
    await worker.until(() => worker.assigned.length === 2);
    worker.held = [...worker.assigned];
    // The link is down when the halt is decided: the hello has to tell.
    worker.disconnect();
    expect((await api.call('/v1/jobs/1/halt', { body: { kill: true } })).status).toBe(202);
    await worker.until(() => worker.halted.length > 0);
    expect(worker.halted).toContainEqual({ job: 1, kill: true });
    expect(worker.halted.map(({ job }) => job)).not.toContain(2);
  });

  it.each(['first', 'second'])(
    'hears of a halt before the orders that it missed, and can refuse them (%s incarnation)',
    async (incarnation) => {
      const { dispatcher, api } = await cluster.dispatcher();
      const worker = await cluster.worker(dispatcher, { script: silence });
      await submit(api, jobRequest('a'));
      await worker.until(() => worker.assigned.length === 1);
      await worker.stop();
      expect((await api.call('/v1/jobs/1/halt', { body: { kill: false } })).status).toBe(202);
      const haltsBefore: number[] = [];
      await cluster.worker(dispatcher, {
        incarnation,
        script: (attempt, back) => {
          haltsBefore.push(back.halted.length);
          return [{ ...attempt, event: 'refused', reason: 'the job was halted' }];
        },
      });
      expect(await finished(api, 'p1')).toMatchObject({ state: 'halted', counts: { halted: 1 } });
      expect(haltsBefore).toEqual([1]);
    },
  );
});

describe('a worker that stays away', () => {
  it('leaves its hosts unknown, and brings the evidence later', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { workerLostAfterMs: 20 } });
    const worker = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('a[1-2]', { limits: limits(null) }));
    await worker.until(() => worker.assigned.length === 2);
    worker.held = [...worker.assigned];
    const ended = finished(api, 'p1');
    await worker.stop();
    expect(await ended).toMatchObject({ state: 'failed', counts: { unknown: 2 } });

    const back = await cluster.worker(dispatcher, { held: worker.held });
    await back.report(succeed(worker.held[0]!, back));
    const [first, second] = await hostsOf(api);
    expect(first).toMatchObject({ state: 'succeeded', outcome: { exitCode: 0 } });
    expect(second).toMatchObject({ state: 'unknown' });
    // Only once (E2).
    await back.report([
      { ...worker.held[0]!, event: 'finished', outcome: { state: 'failed', reason: 'exit-nonzero' } },
    ]);
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'succeeded' });
  });
});

describe("a worker's reports", () => {
  it('count once, and only for what the worker holds', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: silence });
    await submit(api, jobRequest('a'));
    await worker.until(() => worker.assigned.length === 1);
    const order = { job: 1, host: 0, attempt: 1 };
    const strange = [
      { ...order, job: 9 },
      { ...order, host: 9 },
      { ...order, attempt: 2 },
    ];
    for (const attempt of strange) expect(await worker.report(succeed(attempt, worker))).toBe('ok');
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'assigned' });
    expect(await worker.report(succeed(order, worker))).toBe('ok');
    expect(
      await worker.report([
        { ...order, event: 'finished', outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 1 } },
      ]),
    ).toBe('ok');
    expect((await hostsOf(api))[0]).toMatchObject({ state: 'succeeded' });
  });

  it('of a password that hosts refused halt the job', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: silence, capacity: 3 });
    await submit(api, jobRequest('a[1-9]', { auth: { methods: ['password'] } }));
    await worker.until(() => worker.assigned.length === 3);
    const refused = worker.assigned.map((order) => ({
      ...order,
      event: 'finished' as const,
      outcome: { state: 'auth-failed' as const, reason: 'password-refused' as const },
    }));
    await worker.report(refused, [1]);
    expect(await finished(api, 'p1')).toMatchObject({
      state: 'halted',
      halt: { cause: 'password-refused', by: 'worker-1', kill: false },
      counts: { 'auth-failed': 3, halted: 6 },
    });
    expect(worker.assigned).toHaveLength(3);
  });

  it('that are very long are kept short', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, {
      script: (attempt) => [
        {
          ...attempt,
          event: 'finished',
          outcome: { state: 'failed', reason: 'exit-nonzero', message: 'm'.repeat(100_000) },
        },
      ],
    });
    await finished(api, (await submit(api, jobRequest('a[1-100]'))).id);
    expect((await hostsOf(api))[0]!.outcome!.message).toHaveLength(2000);
    await worker.until(() => worker.closed.length === 1);
  });

  it('of a refusal stand: the host comes back as another attempt, after a pause, and the job ends at its time', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { refusalPauseMs: 5 } });
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) =>
        attempt.host === 0 ? [{ ...attempt, event: 'refused', reason: 'no room' }] : succeed(attempt, self),
    });
    const job = await submit(
      api,
      jobRequest('a[1-2]', { limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 3000 } }),
    );
    expect(await finished(api, job.id)).toMatchObject({
      state: 'halted',
      halt: { cause: 'job-timeout' },
      counts: { succeeded: 1, halted: 1 },
    });
    const events: string[] = [];
    for await (const line of api.lines(`/v1/jobs/${job.id}/events?follow`)) events.push(line);
    expect(events.join()).toContain(
      'halt: job-timeout, by planner, with kill: the time of the whole job is over (--job-timeout)',
    );
    const asked = worker.assigned.filter(({ host }) => host === 0).map(({ attempt }) => attempt);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked).toEqual(asked.map((_, index) => index + 1));
  });

  it('of a refusal delay that job alone: the worker gets hosts of others meanwhile, and of it in its next life', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { refusalPauseMs: 3_600_000 } });
    const worker = await cluster.worker(dispatcher, {
      script: (attempt, self) =>
        attempt.job === 1 ? [{ ...attempt, event: 'refused', reason: 'no process' }] : succeed(attempt, self),
    });
    await submit(api, jobRequest('a[1-2]'));
    await worker.until(() => worker.assigned.length === 2);
    for (const number of [2, 3]) {
      const { id } = await submit(api, jobRequest(`b${number}`));
      expect((await finished(api, id)).state).toBe('succeeded');
    }
    expect(worker.assigned.filter(({ job }) => job === 1)).toHaveLength(2);
    await worker.stop();
    await cluster.worker(dispatcher, { incarnation: 'second' });
    expect((await finished(api, 'p0000000001')).state).toBe('succeeded');
  });
});

describe('a halt', () => {
  it('starts nothing more, lets what runs finish, and is repeated without effect', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin, capacity: 2 });
    await submit(api, jobRequest('a[1-5]'));
    await worker.until(() => worker.assigned.length === 2);
    const halted = await api.call('/v1/jobs/last/halt', { body: { kill: false } });
    expect(halted.status).toBe(202);
    expect(halted.json()).toMatchObject({
      halt: { by: 'ada', cause: 'request', kill: false },
      counts: { halted: 3 },
    });
    await worker.until(() => worker.halted.length === 1);
    expect((await api.call('/v1/jobs/1/halt', { body: { kill: false } })).status).toBe(202);
    expect((await api.call('/v1/jobs/1/halt', { body: { kill: true } })).status).toBe(202);
    await worker.until(() => worker.halted.length === 2);
    expect(worker.halted).toEqual([
      { job: 1, kill: false },
      { job: 1, kill: true },
    ]);
    await worker.report(worker.assigned.flatMap((attempt) => succeed(attempt, worker)));
    expect(await finished(api, 'p1')).toMatchObject({
      state: 'halted',
      counts: { succeeded: 2, halted: 3 },
    });
    const late = await api.call('/v1/jobs/1/halt', { body: { kill: true } });
    expect(late.status).toBe(409);
    expect(late.json()).toMatchObject({ type: 'urn:pogo:problem:job-ended' });
  });
});
