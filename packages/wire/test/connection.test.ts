import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, ManualClock, systemClock } from '@pogo/lifecycle';
import { method, type Peer } from '@pogo/wire';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { dial, listen, socketsClosed, stopLinks } from './links.js';

const relays: Relay[] = [];
afterEach(async () => {
  await stopLinks();
  for (const relay of relays.splice(0)) await relay.stop();
  await socketsClosed();
});

const options = { timeoutMs: 60_000 };
const never = () => new Promise<never>(() => undefined);

test('a call without an answer ends when its time is over, and a late answer is ignored', async () => {
  const clock = new ManualClock();
  let answer: (value: number) => void = () => undefined;
  const { url } = await listen({
    methods: {
      slow: method(z.unknown(), () => new Promise<number>((resolve) => (answer = resolve))),
      quick: method(z.unknown(), () => 1),
    },
  });
  const peer = await (await dial(url, undefined, { clock })).connected.next();
  const slow = peer.call('slow', null, z.int(), { timeoutMs: 1000 });
  expect(await peer.call('quick', null, z.int(), options)).toMatchObject({ kind: 'ok' });
  clock.advance(999);
  expect(await Promise.race([slow, peer.call('quick', null, z.int(), options)])).toMatchObject({
    kind: 'ok',
  });
  clock.advance(1);
  expect(await slow).toEqual({ kind: 'timeout' });
  answer(7);
  expect(await peer.call('quick', null, z.int(), options)).toMatchObject({ kind: 'ok', value: 1 });
});

test('a link that drops in mid-call ends the call as closed, and is dialled again', async () => {
  const { url, listener, peers } = await listen({ methods: { hang: method(z.unknown(), never) } });
  const relay = await Relay.to(listener.address.port);
  const { connected, disconnected } = await dial(url.replace(/\d+$/, String(relay.port)));
  const peer = await connected.next();
  await peers.next();
  const call = peer.call('hang', null, z.unknown(), options);
  relay.cut();
  expect(await call).toEqual({ kind: 'closed' });
  expect((await peer.closed).code).toBe(1006);
  expect(await disconnected.next()).toBe('connection lost');
  const again = await connected.next();
  expect(again).not.toBe(peer);
  expect(await peer.call('hang', null, z.unknown(), options)).toEqual({ kind: 'closed' });
});

test('a dialer started before its listener finds it; its waits grow from 0.2 s to 10 s and are jittered', async () => {
  const { port } = await freePort();
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimer(delayMs, callback) {
      waits.push(delayMs);
      return systemClock.setTimer(0, callback);
    },
  };
  const { failed, connected } = await dial(`wss://127.0.0.1:${port}`, undefined, {
    clock,
    random: () => 0.5,
  });
  for (let dials = 0; dials < 8; dials++) expect(await failed.next()).toContain('ECONNREFUSED');
  expect(waits.slice(0, 7)).toEqual([150, 300, 600, 1200, 2400, 4800, 7500]);
  await listen(undefined, { listen: { host: '127.0.0.1', port } });
  await connected.next();
});

test('a silent link is closed after 15 s by each side; one that answers pings is kept', async () => {
  const clock = new ManualClock();
  const { listener, url, peers } = await listen(undefined, { clock });
  const relay = await Relay.to(listener.address.port);
  await dial(url.replace(/\d+$/, String(relay.port)));
  const peer = await peers.next();
  let open = true;
  void peer.closed.then(() => (open = false));
  for (let beats = 0; beats < 10; beats++) {
    const pong = relay.nextChunk();
    clock.advance(5000);
    await pong;
  }
  expect(open).toBe(true);
  relay.swallow();
  // What the kernel still holds may count as heard once.
  clock.advance(20_000);
  expect(await peer.closed).toEqual({ code: 1006, reason: 'silent for 15 s' });
});

test('stop closes links in an orderly way, also twice and before start', async () => {
  const { listener, url, peers } = await listen();
  const { dialer, connected, disconnected } = await dial(url);
  const [worker] = await Promise.all([peers.next(), connected.next()]);
  await Promise.all([dialer.stop(), dialer.stop()]);
  expect(await worker.closed).toEqual({ code: 1001, reason: 'stopping' });
  expect(await disconnected.next()).toBe('stopping');
  await Promise.all([listener.stop(), listener.stop()]);
  await expect(dialer.start()).rejects.toThrow('cannot be started again');
});

test('an oversized frame ends the link; one too large to send is an error before it is sent', async () => {
  const { url, peers } = await listen(
    { methods: { any: method(z.unknown(), () => 'ok') } },
    { maxFrameBytes: 1000 },
  );
  const { connected, disconnected } = await dial(url);
  const [worker, dispatcher] = await Promise.all([peers.next(), connected.next()]);
  expect(await worker.call('any', 'x'.repeat(1000), z.unknown(), options)).toMatchObject({
    kind: 'error',
    code: 'frame-too-large',
  });
  expect(() => worker.sendBinary(new Uint8Array(1001))).toThrow(RangeError);
  expect(await dispatcher.call('any', 'x'.repeat(1000), z.unknown(), options)).toEqual({ kind: 'closed' });
  expect((await worker.closed).code).toBe(1009);
  expect(await disconnected.next()).toBeTruthy();
});

test('binary frames arrive whole and in order, and drained() waits for a reader that lags', async () => {
  const received: Buffer[] = [];
  let done: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (done = resolve));
  const { listener, url, peers } = await listen({
    methods: {},
    binary: (bytes) => received.push(Buffer.from(bytes)),
  });
  const relay = await Relay.to(listener.address.port);
  const { connected } = await dial(url.replace(/\d+$/, String(relay.port)));
  const [, peer] = await Promise.all([peers.next(), connected.next()]);
  relay.hold();
  let drained = false;
  for (let index = 0; index < 200; index++) peer.sendBinary(Buffer.alloc(100_000, index));
  expect(peer.bufferedBytes).toBeGreaterThan(1_000_000);
  const waiting = peer.drained().then(() => (drained = true));
  await peer.call('none', null, z.unknown(), { timeoutMs: 50 });
  expect(drained).toBe(false);
  relay.release();
  await waiting;
  expect(await peer.call('none', null, z.unknown(), options)).toMatchObject({ code: 'unknown-method' });
  done();
  await finished;
  expect(received.map((bytes) => [bytes.length, bytes[0], bytes[99_999]])).toEqual(
    Array.from({ length: 200 }, (_, index) => [100_000, index, index]),
  );
});

test('drained() does not hang when the peer goes away', async () => {
  const { listener, url } = await listen();
  const relay = await Relay.to(listener.address.port);
  const peer: Peer = await (await dial(url.replace(/\d+$/, String(relay.port)))).connected.next();
  relay.hold();
  for (let index = 0; index < 100; index++) peer.sendBinary(Buffer.alloc(100_000));
  const waiting = peer.drained();
  relay.cut();
  await waiting;
  expect(peer.bufferedBytes).toBe(0);
  peer.sendBinary(Buffer.alloc(10));
  peer.notify('late', {});
});

/** A TCP relay in front of a listener, whose cable can be cut, held or made silent. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #chunk: (() => void)[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  static async to(target: number): Promise<Relay> {
    const relay = new Relay(createServer());
    relay.#server.on('connection', (near: Socket) => {
      const far = connect(target, '127.0.0.1');
      near.pipe(far);
      far.pipe(near);
      near.on('data', () => {
        for (const seen of relay.#chunk.splice(0)) seen();
      });
      for (const socket of [near, far]) {
        relay.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          near.destroy();
          far.destroy();
          relay.#sockets.delete(socket);
        });
      }
    });
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    relays.push(relay);
    return relay;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Resolves when the dialling side has sent something. */
  nextChunk(): Promise<void> {
    return new Promise((resolve) => this.#chunk.push(resolve));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  hold(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  release(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  /** Bytes vanish, connections stay. */
  swallow(): void {
    for (const socket of this.#sockets) socket.unpipe().resume();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function freePort(): Promise<{ port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return { port };
}
