/** Scripts that come with jobs: fetched from a dispatcher, whole or not at all, and gone with the last job. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@pogo/lifecycle';
import type { Command } from '@pogo/protocol';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { linkTls } from '../../wire/test/certificate-authority.js';
import { AttachmentCache } from '../src/attachment-cache.js';
import {
  authority,
  Dispatcher,
  KeptLog,
  programOf,
  removePrograms,
  sealedCredentials,
  specOf,
  startCluster,
  stopClusters,
} from './cluster.js';

const content = Buffer.from('#!/bin/sh\necho hello\n');
const tls = linkTls(authority, 'worker', 'w1');
/** Waits between tries are a twentieth. */
const hurried: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback) =>
    systemClock.setTimer(delayMs === 30_000 ? delayMs : delayMs / 20, callback),
};
/** The limit of silence is a tenth of a second, too. */
const impatient: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs === 30_000 ? 100 : delayMs / 20, callback),
};

let directory = '';
let server: Server | undefined;
const caches: AttachmentCache[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-attachments-'));
});
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.stop();
  const closing = server;
  server = undefined;
  if (closing !== undefined) {
    const closed = once(closing, 'close');
    closing.close();
    closing.closeAllConnections();
    await closed;
  }
  await stopClusters();
  await rm(directory, { recursive: true });
});
afterAll(removePrograms);

function identityOf(bytes: Buffer) {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

type Answer = (request: IncomingMessage, response: ServerResponse, number: number) => void;

/** A dispatcher that serves nothing but attachments. Returns its address. */
async function serve(answer: Answer, role: 'dispatcher' | 'worker' = 'dispatcher'): Promise<string> {
  let number = 0;
  const { key, cert, ca } = linkTls(authority, role, 'd1');
  server = createServer(
    { key, cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
    (request, response) => answer(request, response, number++),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `wss://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves this content as a dispatcher does, ranges included. */
function whole(bytes: Buffer): Answer {
  return ({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (from > 0) {
      response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
    }
    response.end(bytes.subarray(from));
  };
}

async function cacheOf(dispatchers: string | string[], clock: Clock = hurried): Promise<AttachmentCache> {
  const cache = new AttachmentCache({
    directory: join(directory, 'attachments'),
    dispatchers: [dispatchers].flat(),
    tls,
    clock,
    random: () => 0,
    log: new KeptLog(),
  });
  caches.push(cache);
  await cache.start();
  return cache;
}

test('a script is fetched once for all jobs, private and verified, and goes with the last of them', async () => {
  let requests = 0;
  const paths: (string | undefined)[] = [];
  const cache = await cacheOf(
    await serve((request, response, number) => {
      requests++;
      paths.push(request.url);
      whole(content)(request, response, number);
    }),
  );
  const identity = identityOf(content);
  const [one, two] = [cache.use(identity), cache.use(identity)];
  const outcome = await one.fetched;
  expect(outcome).toEqual({ kind: 'here', path: join(directory, 'attachments', identity.sha256) });
  expect(await two.fetched).toEqual(outcome);
  const { path } = outcome as { path: string };
  expect((await readFile(path)).equals(content)).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'attachments'))).mode & 0o777).toBe(0o700);
  expect([requests, paths[0]]).toEqual([1, `/attachments/${identity.sha256}`]);
  await one.release();
  expect(existsSync(path)).toBe(true);
  await two.release();
  expect(readdirSync(join(directory, 'attachments'))).toEqual([]);
  expect(await cache.use(identity).fetched).toEqual(outcome);
  expect(requests).toBe(2);
});

test('a connection that breaks off goes on where it stopped', async () => {
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
  const ranges: (string | undefined)[] = [];
  const cache = await cacheOf(
    await serve(({ headers }, response, number) => {
      ranges.push(headers.range);
      const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
      const headersOut = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
      response.writeHead(from === 0 ? 200 : 206, from === 0 ? {} : headersOut);
      if (number >= 9) response.end(bytes.subarray(from));
      else response.write(bytes.subarray(from, from + 200_000), () => response.destroy());
    }),
  );
  const outcome = await cache.use(identityOf(bytes)).fetched;
  expect(outcome.kind).toBe('here');
  expect((await readFile((outcome as { path: string }).path)).equals(bytes)).toBe(true);
  expect(ranges).toHaveLength(10);
  expect(ranges.slice(1).every((range) => range !== undefined)).toBe(true);
});

test.each<[string, Answer, RegExp]>([
  ['is not there', (_request, response) => void response.writeHead(404).end(), /does not have it/],
  ['is answered with an error', (_request, response) => void response.writeHead(500).end(), /answered 500/],
  ['is too short', (_request, response) => void response.end(content.subarray(3)), /sent only 18 bytes/],
  [
    'is too long',
    (_request, response) => void response.end(Buffer.concat([content, content])),
    /more bytes than/,
  ],
  [
    'has other bytes',
    (_request, response) => void response.end(Buffer.alloc(content.length)),
    /other bytes than/,
  ],
  ['never comes', () => undefined, /nothing came for 30 s/],
  [
    'comes from a wrong place',
    (_request, response, number) => {
      if (number === 0) response.write(content.subarray(0, 5), () => response.destroy());
      else response.writeHead(206, { 'content-range': 'bytes 7-20/21' }).end(content.subarray(7));
    },
    /sent bytes from 7, not from 5/,
  ],
])('a script that %s is not used, and the message says so', async (what, answer, text) => {
  const cache = await cacheOf(await serve(answer), what === 'never comes' ? impatient : hurried);
  const use = cache.use(identityOf(content));
  const outcome = await use.fetched;
  expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringMatching(text) as string });
  expect(readdirSync(join(directory, 'attachments'))).toEqual([]);
  await use.release();
});

test('a server without the certificate of a dispatcher is asked for nothing', async () => {
  let requests = 0;
  const address = await serve((_request, response) => {
    requests++;
    response.end(content);
  }, 'worker');
  const outcome = await (await cacheOf(address)).use(identityOf(content)).fetched;
  expect(outcome).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('not one of a dispatcher') as string,
  });
  expect(requests).toBe(0);
});

test('the next dispatcher is asked when one does not answer', async () => {
  const address = await serve(whole(content));
  const cache = await cacheOf(['wss://127.0.0.1:1', address]);
  expect((await cache.use(identityOf(content)).fetched).kind).toBe('here');
});

test('what an earlier process left is removed, and a job that ends takes its fetching with it', async () => {
  const attachments = join(directory, 'attachments');
  await mkdir(attachments);
  for (const name of ['a'.repeat(64), `${'b'.repeat(64)}.part`, 'keep']) {
    await writeFile(join(attachments, name), 'left');
  }
  const cache = await cacheOf(await serve(() => undefined));
  expect(readdirSync(attachments)).toEqual(['keep']);
  const use = cache.use(identityOf(content));
  await use.release();
  expect(await use.fetched).toMatchObject({ kind: 'failed' });
  expect(readdirSync(attachments)).toEqual(['keep']);
});

function scriptSpec() {
  const command: Command = { kind: 'script', name: 'setup.sh', ...identityOf(content), args: ['a'] };
  return { ...specOf({}), command };
}

async function startWith(answer: Answer) {
  const source = await serve(answer);
  const dispatcher = new Dispatcher();
  await dispatcher.start();
  const orders = join(directory, 'orders');
  const cluster = await startCluster({
    dispatcher,
    dispatchers: [dispatcher.url, source],
    attachmentsDirectory: join(directory, 'attachments'),
    rexec: {
      argv: [process.execPath, await programOf('scripted-rexec.ts')],
      environment: { PATH: process.env['PATH'] ?? '', SCRIPTED_ORDERS: orders },
    },
  });
  return { ...cluster, orders };
}

test("a job's script is there before its first host begins, and rexec is told where", async () => {
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const { dispatcher, orders } = await startWith((request, response, number) => {
    void gate.then(() => whole(content)(request, response, number));
  });
  await dispatcher.openSpec(1, scriptSpec(), sealedCredentials);
  await dispatcher.assign(1, [0, 1]);
  expect(dispatcher.reports).toEqual([]);
  expect(existsSync(orders)).toBe(false);
  letGo();
  await dispatcher.ends(2);
  const path = join(directory, 'attachments', identityOf(content).sha256);
  const [open] = (await readFile(orders, 'utf8'))
    .split('\n')
    .map((line) => JSON.parse(line || '{}') as object);
  expect(open).toMatchObject({ type: 'open', scriptFile: path });
  expect(existsSync(path)).toBe(true);
  await dispatcher.order('close', { job: 1 });
  while (existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
});

test('hosts of a job whose script cannot be had are denied, and nothing is dialled', async () => {
  const { dispatcher, orders } = await startWith((_request, response) => void response.writeHead(404).end());
  await dispatcher.openSpec(1, scriptSpec(), sealedCredentials);
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.ends(2);
  await dispatcher.assign(1, [2]);
  for (const end of await dispatcher.ends(3)) {
    expect(end).toMatchObject({
      outcome: {
        state: 'denied',
        reason: 'attachment-unavailable',
        message: expect.stringContaining('could not be fetched') as string,
      },
    });
  }
  expect(await readFile(orders, 'utf8').catch(() => '')).not.toContain('"run"');
});
