import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { connect } from 'node:tls';
import { method, type Peer } from '@pogo/wire';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { dial, dispatcherTls, Inbox, listen, socketsClosed, stopLinks, workerTls } from './links.js';

const rawSockets: WebSocket[] = [];
const rawServers: Server[] = [];
afterEach(async () => {
  for (const socket of rawSockets.splice(0)) socket.terminate();
  await stopLinks();
  for (const server of rawServers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await socketsClosed();
});

/** A worker that speaks whatever it is told to. */
function rawSocket(url: string): WebSocket {
  const connection = connect({
    ...workerTls,
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    checkServerIdentity: () => undefined,
  });
  const socket = new WebSocket(`${url}/worker-link`, { createConnection: () => connection });
  rawSockets.push(socket);
  return socket;
}

/** Members that mean something to JSON-RPC, with values that mostly don't. */
const almostRpc = fc.record(
  {
    jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()),
    id: fc.oneof(fc.nat({ max: 50 }), fc.constant('probe'), fc.jsonValue()),
    method: fc.oneof(
      fc.constantFrom('echo', 'throw', '__proto__', 'constructor', 'toString'),
      fc.jsonValue(),
    ),
    params: fc.jsonValue(),
    result: fc.jsonValue(),
    error: fc.oneof(fc.jsonValue(), fc.record({ code: fc.jsonValue(), message: fc.jsonValue() })),
  },
  { requiredKeys: [] },
);
const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json(),
  fc.json().map((text) => text.slice(0, -1)),
  almostRpc.map((value) => JSON.stringify(value)),
  fc.array(almostRpc, { maxLength: 4 }).map((value) => JSON.stringify(value)),
  fc.nat({ max: 5000 }).map((depth) => '['.repeat(depth)),
);

test('10,000 texts of garbage neither end a link nor keep the next call from its answer', async () => {
  const bugs: string[] = [];
  const { url } = await listen({
    methods: {
      echo: method(z.unknown(), (value) => value),
      throw: method(z.unknown(), () => {
        throw new Error('bug');
      }),
      probe: method(z.int(), (n) => n),
    },
    failed: (name) => bugs.push(name),
  });
  const socket = rawSocket(url);
  await once(socket, 'open');
  const answers = new Inbox<unknown>();
  const probes = new Inbox<unknown>();
  let closed = false;
  socket.on('close', () => (closed = true));
  socket.on('message', (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as { id?: unknown; result?: unknown };
    if (typeof answer.id === 'string' && answer.id.startsWith('probe-')) probes.push(answer.result);
    else answers.push(answer);
  });
  let probe = 0;
  await fc.assert(
    fc.asyncProperty(garbage, async (text) => {
      socket.send(text);
      probe++;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: `probe-${probe}`, method: 'probe', params: probe }));
      expect(await probes.next()).toBe(probe);
    }),
    { numRuns: 10_000 },
  );
  expect(closed).toBe(false);
  expect(answers.waiting.length).toBeGreaterThan(1000);
  // Chance may not have made one whole call of the method that has a bug.
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 'probe-throw', method: 'throw' }));
  await probes.next();
  expect(new Set(bugs)).toEqual(new Set(['throw']));
}, 120_000);

test('whatever a peer answers, a call ends with an outcome, and nothing goes to and fro', async () => {
  const server = createServer({ ...dispatcherTls, requestCert: true, minVersion: 'TLSv1.3' });
  rawServers.push(server);
  const sockets = new WebSocketServer({ server });
  let answer = '';
  const extra: unknown[] = [];
  sockets.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      const request = JSON.parse(data.toString()) as { id?: number; method?: string };
      if (request.method === 'sane') {
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: request.id, result: 'sane' }));
      } else if (request.method === 'wild') {
        socket.send(answer.replaceAll('"ID"', String(request.id)));
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: request.id, result: 'after' }));
      } else extra.push(request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const peer: Peer = await (await dial(`wss://127.0.0.1:${port}`)).connected.next();
  const kinds = new Set<string>();
  const wild = fc.record(
    {
      jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()),
      id: fc.oneof({ weight: 4, arbitrary: fc.constant('ID') }, { weight: 1, arbitrary: fc.jsonValue() }),
      result: fc.jsonValue(),
      error: fc.oneof(
        fc.jsonValue(),
        fc.record({ code: fc.integer({ min: -2, max: 1 }), message: fc.jsonValue() }),
      ),
    },
    { requiredKeys: ['jsonrpc', 'id'] },
  );
  await fc.assert(
    fc.asyncProperty(wild, async (value) => {
      answer = JSON.stringify(value);
      const outcome = await peer.call('wild', null, z.string(), { timeoutMs: 60_000 });
      kinds.add(outcome.kind);
      expect(['ok', 'error', 'invalid']).toContain(outcome.kind);
    }),
    { numRuns: 3000 },
  );
  expect(kinds).toEqual(new Set(['ok', 'error', 'invalid']));
  expect(await peer.call('sane', null, z.string(), { timeoutMs: 60_000 })).toEqual({
    kind: 'ok',
    value: 'sane',
  });
  // Frames without `result` and `error` may be answered, once, with an error; errors never are.
  expect(extra.length).toBeLessThan(3000);
  // -32700 where the id was put into a key: that is no JSON any more.
  for (const frame of extra) {
    expect([-32600, -32700]).toContain((frame as { error?: { code?: number } }).error?.code);
  }
}, 120_000);

test('frames that break the WebSocket protocol end that link alone', async () => {
  const { url, peers } = await listen({ methods: { echo: method(z.unknown(), (value) => value) } });
  const healthy = await (await dial(url)).connected.next();
  await peers.next();
  for (const bytes of [
    [0xff, 0xff, 0xff],
    [0x81, 0x05, 1, 2, 3, 4, 5],
    [0xf1, 0x80, 0, 0, 0, 0],
    [0x83, 0x80, 0, 0, 0, 0],
  ]) {
    const socket = rawSocket(url);
    socket.on('error', () => undefined);
    const upgraded = once(socket, 'upgrade') as Promise<[{ socket: { write(bytes: Buffer): void } }]>;
    const broken = await peers.next();
    const [response] = await upgraded;
    response.socket.write(Buffer.from(bytes));
    expect((await broken.closed).code).toBe(1002);
  }
  expect(await healthy.call('echo', 1, z.int(), { timeoutMs: 60_000 })).toEqual({ kind: 'ok', value: 1 });
});
