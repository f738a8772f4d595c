import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { type FlakyProxy, type FlakyProxyOptions, startFlakyProxy } from '@pogo/testkit';
import { afterEach, describe, it, vi } from 'vitest';

/** A server that sends back what it gets, and knows how much that was. */
async function startEcho() {
  const sockets = new Set<Socket>();
  let receivedBytes = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.byteLength;
      socket.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    receivedBytes: () => receivedBytes,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client, what it got, and how its connection ended. */
function dial(port: number) {
  const socket = connect({ host: '127.0.0.1', port });
  let got = '';
  let error = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
  socket.on('error', (cause) => (error = 'code' in cause ? String(cause.code) : cause.message));
  return { socket, got: () => got, error: () => error, closed: once(socket, 'close').catch(() => undefined) };
}

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function scene(options: Omit<FlakyProxyOptions, 'targetPort'> = {}) {
  const echo = await startEcho();
  undo.push(() => echo.stop());
  const proxy: FlakyProxy = await startFlakyProxy({ targetPort: echo.port, ...options });
  undo.push(() => proxy.stop());
  return { echo, proxy };
}

describe('the flaky proxy', () => {
  it('passes what it is given, both ways, and the end', async () => {
    const { proxy } = await scene();
    const client = dial(proxy.port);
    client.socket.write('hello');
    await vi.waitFor(() => assert.equal(client.got(), 'hello'));
    client.socket.end();
    await client.closed;
    assert.equal(client.error(), '');
    assert.equal(proxy.connections(), 1);
  });

  it('cuts in the middle of a message: the server has its first part, the client a reset', async () => {
    const { echo, proxy } = await scene();
    const client = dial(proxy.port);
    proxy.cutAfter(3);
    client.socket.write('hello');
    await client.closed;
    assert.equal(client.error(), 'ECONNRESET');
    await vi.waitFor(() => assert.equal(echo.receivedBytes(), 3));
    const next = dial(proxy.port);
    next.socket.write('again');
    await vi.waitFor(() => assert.equal(next.got(), 'again'));
    next.socket.destroy();
  });

  it('is silent without telling anyone, and passes what it held back when it speaks again', async () => {
    const { echo, proxy } = await scene();
    const [before, later] = [dial(proxy.port), dial(proxy.port)];
    before.socket.write('a');
    await vi.waitFor(() => assert.equal(before.got(), 'a'));
    proxy.silence();
    before.socket.write('b');
    later.socket.write('c');
    await vi.waitFor(() => assert.equal(proxy.connections(), 2));
    assert.deepEqual([before.error(), before.socket.destroyed, echo.receivedBytes()], ['', false, 1]);
    proxy.resume();
    await vi.waitFor(() => assert.deepEqual([before.got(), later.got()], ['ab', 'c']));
    proxy.cut();
    await Promise.all([before.closed, later.closed]);
    assert.deepEqual([before.error(), later.error()], ['ECONNRESET', 'ECONNRESET']);
  });

  it('refuses when told to, and delays in order', async () => {
    const { proxy } = await scene();
    proxy.refuse(true);
    const refused = dial(proxy.port);
    await refused.closed;
    proxy.refuse(false);
    proxy.delay({ toServerMs: 30, toClientMs: 30 });
    const client = dial(proxy.port);
    const began = performance.now();
    for (const part of ['one ', 'two ', 'three']) client.socket.write(part);
    await vi.waitFor(() => assert.equal(client.got(), 'one two three'));
    assert.ok(performance.now() - began >= 59, 'it was not late');
    client.socket.destroy();
  });

  it('gives each connection the same fate from the same seed', async () => {
    const fates = async (seed: number) => {
      const { proxy } = await scene({
        seed,
        odds: [{ weight: 1, kind: 'cut', afterBytes: [1, 60] }],
      });
      const got: number[] = [];
      for (let at = 0; at < 4; at += 1) {
        const client = dial(proxy.port);
        // One byte after another, so that all that came back was sent before the cut.
        client.socket.on('connect', () => client.socket.write('x'));
        client.socket.on('data', () => client.socket.write('x'));
        await client.closed;
        got.push(client.got().length);
      }
      assert.equal(proxy.faults(), 4);
      return got;
    };
    const first = await fates(7);
    assert.deepEqual(await fates(7), first);
    assert.notDeepEqual(await fates(8), first);
  });
});
