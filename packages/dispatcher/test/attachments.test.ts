import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '@pogo/lifecycle';
import { attachmentSchema, type JobRequest } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AttachmentStore } from '../src/attachments/attachment-store.js';
import { Cluster, finished, jobRequest, plan, type RunningDispatcher, sealFor } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(async () => {
  await cluster.stop();
  rmSync(cluster.instance.layout.dispatcher.attachments, { recursive: true, force: true });
});
afterAll(() => cluster.remove());

const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const octets = { 'content-type': 'application/octet-stream' };

function put({ api }: RunningDispatcher, sha256: string, raw: Buffer, range?: string) {
  const headers = { ...octets, ...(range !== undefined && { 'content-range': range }) };
  return api.call(`/v1/attachments/${sha256}`, { method: 'PUT', headers, raw });
}

const head = ({ api }: RunningDispatcher, sha256: string) =>
  api.call(`/v1/attachments/${sha256}`, { method: 'HEAD' });

const stored = (sha256: string) => join(cluster.instance.layout.dispatcher.attachments, sha256);

describe('an attachment', () => {
  it('is kept under its hash, for its owner alone', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(300_000);
    const sha256 = sha256Of(bytes);
    expect((await head(running, sha256)).status).toBe(404);
    const reply = await put(running, sha256, bytes);
    expect(reply.status).toBe(200);
    expect(attachmentSchema.parse(reply.json())).toEqual({ sha256, bytes: 300_000, complete: true });
    expect((await head(running, sha256)).headers['content-length']).toBe('300000');
    expect(statSync(stored(sha256)).mode & 0o777).toBe(0o600);
    expect(statSync(cluster.instance.layout.dispatcher.attachments).mode & 0o777).toBe(0o700);
    // Sent again it is there already.
    expect((await put(running, sha256, bytes)).status).toBe(200);
  });

  it('goes on from where it stands, and from nowhere else', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(1000);
    const sha256 = sha256Of(bytes);
    const first = await put(running, sha256, bytes.subarray(0, 400), 'bytes 0-399/1000');
    expect(first.json()).toEqual({ sha256, bytes: 400, complete: false });
    expect((await head(running, sha256)).headers['content-length']).toBe('400');
    const gap = await put(running, sha256, bytes.subarray(500), 'bytes 500-999/1000');
    expect(gap.status).toBe(416);
    expect(gap.headers['content-range']).toBe('bytes */400');
    const last = await put(running, sha256, bytes.subarray(400), 'bytes 400-999/1000');
    expect(last.json()).toEqual({ sha256, bytes: 1000, complete: true });
  });

  it('keeps what came before its connection broke', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(200_000);
    const sha256 = sha256Of(bytes);
    const { layout, read } = cluster.instance;
    await new Promise<void>((resolve) => {
      const sent = request(`${running.dispatcher.apiUrl}/v1/attachments/${sha256}`, {
        method: 'PUT',
        ca: read(layout.instance.linkRootCertificate),
        headers: {
          ...octets,
          authorization: `Bearer ${read(layout.client.token).trim()}`,
          'content-range': 'bytes 0-199999/200000',
          'content-length': '200000',
        },
      });
      sent.on('error', () => resolve());
      sent.write(bytes.subarray(0, 100_000));
      // A HEAD would wait for its turn behind the upload, so the file is looked at.
      const whenWritten = () =>
        existsSync(`${stored(sha256)}.partial`) && statSync(`${stored(sha256)}.partial`).size >= 100_000
          ? sent.destroy()
          : void setImmediate(whenWritten);
      whenWritten();
    });
    expect((await head(running, sha256)).headers['content-length']).toBe('100000');
    const rest = await put(running, sha256, bytes.subarray(100_000), 'bytes 100000-199999/200000');
    expect(rest.json()).toMatchObject({ complete: true });
  });

  it('with another hash is dropped', async () => {
    const running = await cluster.dispatcher();
    const sha256 = sha256Of(Buffer.from('one'));
    const reply = await put(running, sha256, Buffer.from('two'));
    expect(reply.status).toBe(422);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:attachment-mismatch' });
    expect(readdirSync(cluster.instance.layout.dispatcher.attachments)).toEqual([]);
  });

  it('that is too long, or longer than it said, is refused', async () => {
    const running = await cluster.dispatcher();
    const sha256 = sha256Of(Buffer.from('x'));
    const total = 100 * 1024 * 1024 + 1;
    const large = await put(running, sha256, Buffer.from('x'), `bytes 0-${total - 1}/${total}`);
    expect(large.status).toBe(413);
    expect((await put(running, sha256, Buffer.from('xyz'), 'bytes 0-0/1')).status).toBe(413);
    expect(readdirSync(cluster.instance.layout.dispatcher.attachments)).toEqual([]);
  });

  it.each(['bytes 0-1', 'bytes 5-4/9', 'bytes 0-9/9', 'lines 0-1/2'])(
    'with range %s is refused',
    async (range) => {
      const running = await cluster.dispatcher();
      const reply = await put(running, sha256Of(Buffer.from('x')), Buffer.from('x'), range);
      expect(reply.status).toBe(400);
      expect(reply.json()).toMatchObject({ errors: [{ path: 'header.content-range' }] });
    },
  );

  it('has a hash for a name, and nothing that leads elsewhere', async () => {
    const running = await cluster.dispatcher();
    for (const name of ['..%2f..%2fetc', 'A'.repeat(64), 'a'.repeat(63)]) {
      expect((await put(running, name, Buffer.from('x'))).status).toBe(400);
    }
  });

  it('sent twice at the same time is kept once', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(2_000_000);
    const sha256 = sha256Of(bytes);
    const replies = await Promise.all([1, 2, 3].map(() => put(running, sha256, bytes)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(readdirSync(cluster.instance.layout.dispatcher.attachments)).toEqual([sha256]);
  });
});

describe('a job with a script', () => {
  const script = Buffer.from('#!/bin/sh\necho hello\n');
  const sha256 = sha256Of(script);
  const scriptRequest = (bytes = script.length): JobRequest =>
    jobRequest('a', { command: { kind: 'script', name: 'hello.sh', sha256, bytes, args: ['a b'] } });

  async function submitScript({ api }: RunningDispatcher, request: JobRequest, key: string) {
    const planned = await plan(api, request);
    const { spec, digest, limits } = planned;
    const body = { spec, digest, limits, credentials: sealFor(planned) };
    return api.call('/v1/jobs', { headers: { 'idempotency-key': key }, body });
  }

  it('is taken once its script is here whole', async () => {
    const running = await cluster.dispatcher();
    const worker = await cluster.worker(running.dispatcher);
    const missing = await submitScript(running, scriptRequest(), 'one');
    expect(missing.status).toBe(409);
    expect(missing.json()).toMatchObject({ type: 'urn:pogo:problem:attachment-missing' });
    await put(running, sha256, script);
    expect((await submitScript(running, scriptRequest(script.length + 1), 'two')).status).toBe(409);
    const taken = await submitScript(running, scriptRequest(), 'three');
    expect(taken.status).toBe(202);
    expect(taken.json()).toMatchObject({ id: 'p0000000001', title: "hello.sh 'a b'" });
    expect(await finished(running.api, 'p1')).toMatchObject({ state: 'succeeded' });
    expect(worker.opened.size + worker.closed.length).toBe(1);
  });

  it('finds a script whole whose upload ended with the process, before it got its name', async () => {
    const running = await cluster.dispatcher();
    await cluster.worker(running.dispatcher);
    writeFileSync(`${stored(sha256)}.partial`, script);
    expect((await submitScript(running, scriptRequest(), 'four')).status).toBe(202);
    expect(existsSync(stored(sha256))).toBe(true);
  });

  it('keeps its script for as long as it is listed, and no longer', async () => {
    const limits = { sweepEveryMs: 5, archiveEveryMs: 5, endedHosts: 0 };
    const running = await cluster.dispatcher({ limits });
    await cluster.worker(running.dispatcher);
    await put(running, sha256, script);
    await submitScript(running, scriptRequest(), 'five');
    const other = randomBytes(10);
    await put(running, sha256Of(other), other);
    writeFileSync(`${stored(sha256Of(Buffer.from('part')))}.partial`, 'p');
    const yesterday = Date.now() / 1000 - 100_000;
    for (const name of readdirSync(cluster.instance.layout.dispatcher.attachments)) {
      utimesSync(stored(name), yesterday, yesterday);
    }
    const left = () => readdirSync(cluster.instance.layout.dispatcher.attachments);
    while (left().length > 1) await new Promise((resolve) => setImmediate(resolve));
    expect(left()).toEqual([sha256]);
  });
});

describe('a worker', () => {
  interface Fetched {
    status: number;
    body: Buffer;
    range: string | undefined;
  }

  function fetchAs(
    who: 'worker' | 'dispatcher',
    url: string,
    options: { headers?: Record<string, string>; method?: string } = {},
  ): Promise<Fetched> {
    const { layout, read } = cluster.instance;
    return new Promise((resolve, reject) => {
      const sent = request(
        url.replace('wss:', 'https:'),
        {
          ...options,
          ca: read(layout.instance.linkRootCertificate),
          key: read(layout[who].linkKey),
          cert: read(layout[who].linkCertificate),
          checkServerIdentity: () => undefined,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              body: Buffer.concat(chunks),
              range: response.headers['content-range'],
            }),
          );
          response.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  }

  it('fetches an attachment under its link certificate, in one piece or from where it stands', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(500_000);
    const sha256 = sha256Of(bytes);
    const url = `${running.dispatcher.workersUrl}/attachments/${sha256}`;
    expect((await fetchAs('worker', url)).status).toBe(404);
    await put(running, sha256, bytes.subarray(0, 1000), 'bytes 0-999/500000');
    expect((await fetchAs('worker', url)).status).toBe(404);
    await put(running, sha256, bytes);
    const whole = await fetchAs('worker', url);
    expect(whole.status).toBe(200);
    expect(whole.body.equals(bytes)).toBe(true);
    const rest = await fetchAs('worker', url, { headers: { range: 'bytes=400000-' } });
    expect(rest).toMatchObject({ status: 206, range: 'bytes 400000-499999/500000' });
    expect(rest.body.equals(bytes.subarray(400_000))).toBe(true);
    expect((await fetchAs('worker', url, { headers: { range: 'bytes=500000-' } })).status).toBe(416);
  });

  it('gets nothing else there, and nobody else gets that', async () => {
    const running = await cluster.dispatcher();
    const bytes = randomBytes(10);
    const sha256 = sha256Of(bytes);
    await put(running, sha256, bytes);
    const { workersUrl } = running.dispatcher;
    expect((await fetchAs('dispatcher', `${workersUrl}/attachments/${sha256}`)).status).toBe(403);
    for (const path of [
      '/attachments/',
      '/attachments/..%2fconfig.yaml',
      '/v1/jobs',
      `/attachments/${sha256}/`,
    ]) {
      expect((await fetchAs('worker', `${workersUrl}${path}`)).status).toBe(404);
    }
    expect(
      (await fetchAs('worker', `${workersUrl}/attachments/${sha256}`, { method: 'DELETE' })).status,
    ).toBe(405);
    expect((await fetchAs('worker', `${workersUrl}/worker-link`)).status).toBe(426);
  });
});

it('that has no room is refused with what takes it, and what to do', async () => {
  const running = await cluster.dispatcher({ limits: { attachmentsMaxBytes: 1000 } });
  const bytes = randomBytes(1001);
  const reply = await put(running, sha256Of(bytes), bytes);
  expect(reply.status).toBe(507);
  expect(reply.json()).toMatchObject({
    type: 'urn:pogo:problem:attachments-full',
    detail: expect.stringContaining('take 0 MiB of at most 1 MiB') as string,
  });
  expect((await head(running, sha256Of(bytes))).status).toBe(404);
});

describe('the store of attachments', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pogo-attachments-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const limits = { clock: systemClock, maxBytes: 100, maxTotalBytes: 1000, idleMs: 1000 };

  it('refuses what has no room beside the others, uploads under way counted whole, before its first byte', async () => {
    const store = new AttachmentStore({ ...limits, directory, maxTotalBytes: 25 });
    await store.open();
    const [first, second] = [Buffer.from('0123456789'), Buffer.from('abcdefghij')];
    const whole = (bytes: Buffer) => ({ from: 0, totalBytes: bytes.length, body: Readable.from([bytes]) });
    expect(await store.write(sha256Of(first), whole(first))).toMatchObject({ complete: true });
    const slow = new Readable({ read: () => undefined });
    slow.push(second.subarray(0, 3));
    const under = store.write(sha256Of(second), { from: 0, totalBytes: 10, body: slow });
    await vi.waitFor(() => expect(existsSync(join(directory, `${sha256Of(second)}.partial`))).toBe(true));
    const third = Buffer.from('ABCDEF');
    expect(await store.write(sha256Of(third), whole(third))).toEqual({
      kind: 'full',
      usedBytes: 20,
      maxTotalBytes: 25,
    });
    expect(readdirSync(directory).some((name) => name.startsWith(sha256Of(third)))).toBe(false);
    slow.push(second.subarray(3));
    slow.push(null);
    expect(await under).toMatchObject({ complete: true });
    const small = Buffer.from('ABCDE');
    expect(await store.write(sha256Of(small), whole(small))).toMatchObject({ complete: true });
    // What is there is there.
    expect(await store.write(sha256Of(first), whole(first))).toMatchObject({ complete: true });
  });

  it('breaks off an upload that stands still, and lets the next one go on', async () => {
    const store = new AttachmentStore({ ...limits, directory, idleMs: 5 });
    await store.open();
    const bytes = Buffer.from('0123456789');
    const silent = new Readable({ read: () => undefined });
    silent.push(bytes.subarray(0, 4));
    const upload = { from: 0, totalBytes: 10, body: silent };
    expect(await store.write(sha256Of(bytes), upload)).toEqual({ kind: 'broken-off', bytes: 4 });
    const rest = { from: 4, totalBytes: 10, body: Readable.from([bytes.subarray(4)]) };
    expect(await store.write(sha256Of(bytes), rest)).toEqual({ kind: 'stored', bytes: 10, complete: true });
  });

  it('says what the file system said', async () => {
    const gone = join(directory, 'gone');
    const store = new AttachmentStore({ ...limits, directory: gone });
    const outcome = await store.write(sha256Of(Buffer.from('x')), {
      from: 0,
      totalBytes: 1,
      body: Readable.from([Buffer.from('x')]),
    });
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining('ENOENT') as string });
  });
});
