/** Scripts at more than one dispatcher: there before a job is accepted, and fetched by whoever lacks one (L6). */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'node:https';
import { type JobRequest, jobSchema, type PlanResponse } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silence } from './support/attempt-scripts.js';
import { Cluster, jobRequest, plan, type RunningDispatcher, sealFor } from './support/cluster.js';
import { metric, SeveralDispatchers } from './support/several-dispatchers.js';

let cluster: Cluster;
let several: SeveralDispatchers;
beforeAll(async () => {
  cluster = await Cluster.make();
});
beforeEach(() => {
  several = new SeveralDispatchers(cluster);
});
afterEach(async () => {
  await several.stop();
  for (const name of ['one', 'two']) rmSync(several.attachmentsOf(name), { recursive: true, force: true });
});
afterAll(() => cluster.remove());

const script = randomBytes(300_000);
const sha256 = createHash('sha256').update(script).digest('hex');
const stored = (name: string) => join(several.attachmentsOf(name), sha256);

function upload({ api }: RunningDispatcher) {
  const headers = { 'content-type': 'application/octet-stream' };
  return api.call(`/v1/attachments/${sha256}`, { method: 'PUT', headers, raw: script });
}

const scriptRequest = (): JobRequest =>
  jobRequest('a1', {
    command: { kind: 'script', name: 'hello.sh', sha256, bytes: script.length, args: [] },
  });

function submitPlanned({ api }: RunningDispatcher, planned: PlanResponse) {
  const { spec, digest, limits } = planned;
  return api.call('/v1/jobs', {
    headers: { 'idempotency-key': randomUUID() },
    body: { spec, digest, limits, credentials: sealFor(planned) },
  });
}

async function submitScript(running: RunningDispatcher) {
  return submitPlanned(running, await plan(running.api, scriptRequest()));
}

/** As a worker asks for it. */
function fetchFrom({ dispatcher }: RunningDispatcher): Promise<{ status: number; body: Buffer }> {
  const { layout, read } = cluster.instance;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${dispatcher.workersUrl.replace('wss:', 'https:')}/attachments/${sha256}`,
      {
        ca: read(layout.instance.linkRootCertificate),
        key: read(layout.worker.linkKey),
        cert: read(layout.worker.linkCertificate),
        checkServerIdentity: () => undefined,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('a script', () => {
  it('is at another dispatcher, too, when its job is accepted', async () => {
    const { one, two } = await several.pair();
    await cluster.worker(one.dispatcher, { script: silence });
    await upload(one);
    const accepted = await submitScript(one);
    expect(accepted.status, accepted.body.toString()).toBe(202);
    expect(readFileSync(stored('two')).equals(script)).toBe(true);
    await one.stop();
    expect(await fetchFrom(two)).toEqual({ status: 200, body: script });
  });

  it('is fetched by a leader that lacks it', async () => {
    const { one } = await several.pair();
    await cluster.worker(one.dispatcher, { script: silence });
    await upload(one);
    expect((await submitScript(one)).status).toBe(202);
    rmSync(stored('one'));
    expect((await submitScript(one)).status).toBe(202);
    expect(readFileSync(stored('one')).equals(script)).toBe(true);
  });

  it('is fetched for a worker that asks where it is not', async () => {
    const { one, two } = await several.pair();
    await cluster.worker(one.dispatcher, { script: silence });
    await upload(one);
    expect((await submitScript(one)).status).toBe(202);
    rmSync(stored('two'));
    expect(await fetchFrom(two)).toEqual({ status: 200, body: script });
    expect(existsSync(stored('two'))).toBe(true);
  });

  it('that comes with other bytes from another dispatcher is none', async () => {
    const one = await several.dispatcher('one');
    await cluster.worker(one.dispatcher, { script: silence });
    let asked = 0;
    const three = await several.third(['one'], {
      onRequest: (_request, response) => {
        asked++;
        const other = Buffer.alloc(script.length);
        response.writeHead(200, { 'content-length': String(other.length) }).end(other);
      },
    });
    expect((await submitScript(one)).json()).toMatchObject({ type: 'urn:pogo:problem:attachment-missing' });
    expect(asked).toBe(1);
    expect(await three.offerAttachment('one', { sha256, bytes: script.length })).toBe('not-held');
    expect(existsSync(stored('one'))).toBe(false);
  });

  it('is accepted alone when no other dispatcher can get it, and that is told', async () => {
    const one = await several.dispatcher('one');
    await cluster.worker(one.dispatcher, { script: silence });
    await several.third(['one'], { holdsAttachments: false });
    await upload(one);
    const accepted = await submitScript(one);
    expect(jobSchema.parse(accepted.json())).toMatchObject({ hosts: 1 });
    expect(one.logged()).toContain('a script is held by this dispatcher alone');
    await metric(one, 'pogo_held_alone_total{what="script"} 1');
    await metric(one, 'pogo_dispatchers_connected 1');
  });
});
