/** The ssh2 transport by itself, against a server that can be cut off behind a proxy. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { delay, systemClock } from '@pogo/lifecycle';
import { type ChannelEnd, type ConnectOptions, type ConnectOutcome, Ssh2Transport } from '@pogo/rexec';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';

const hostKey = ssh2.utils.generateKeyPairSync('ed25519');
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** An SSH server that takes anybody, echoes what it gets, and says how often each thing was asked of it. */
async function startServer() {
  const asked: string[] = [];
  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (connection) => {
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => context.accept());
    connection.on('request', (_accept, _reject, name) => asked.push(name));
    connection.on('session', (accept) =>
      accept().on('exec', (acceptExec, _reject, { command }) => {
        asked.push(command);
        const channel = acceptExec();
        channel.pipe(channel);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Passes bytes to and fro until it is frozen: then the connection is as silent as one to a host without power. */
async function startProxy(port: number) {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    client.pipe(server);
    server.pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const freeze = () => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { port: (proxy.address() as AddressInfo).port, freeze };
}

function connectTo(
  port: number,
  changes: Partial<ConnectOptions> = {},
  keepaliveMs = 10_000,
): Promise<ConnectOutcome> {
  return new Ssh2Transport({ clock: systemClock, keepaliveMs }).connect({
    target: { host: '127.0.0.1', port, user: 'anybody' },
    connectMs: 5000,
    handshakeMs: 5000,
    knownKeyTypes: [],
    verifyHostKey: () => true,
    login: { next: () => ({ kind: 'learn-methods' }), accepted: () => undefined, broken: () => undefined },
    signal: new AbortController().signal,
    ...changes,
  });
}

async function connected(port: number, keepaliveMs?: number) {
  const outcome = await connectTo(port, {}, keepaliveMs);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
  ends.push(async () => {
    outcome.connection.close();
    await outcome.connection.closed;
  });
  return outcome.connection;
}

const noHandlers = { stdout: () => undefined, stderr: () => undefined, closed: () => undefined };

describe('the ssh2 transport', () => {
  it('notices a connection that has gone silent', async () => {
    const proxy = await startProxy((await startServer()).port);
    const connection = await connected(proxy.port, 40);
    const end = new Promise<ChannelEnd>((resolve) => {
      void connection.exec('wait', { ...noHandlers, closed: resolve });
    });
    const channel = await connection.exec('wait', noHandlers);
    expect(channel.ok).toBe(true);
    proxy.freeze();
    expect(await end).toEqual({ lost: 'Keepalive timeout' });
    await connection.closed;
    expect(await connection.exec('more', noHandlers)).toMatchObject({ ok: false, kind: 'lost' });
  });

  it('carries bytes both ways, in order', async () => {
    const connection = await connected((await startServer()).port);
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
    let received = Buffer.alloc(0);
    let whole = () => {};
    const done = new Promise<void>((resolve) => (whole = resolve));
    const opened = await connection.exec('cat', {
      ...noHandlers,
      stdout: (bytes) => {
        received = Buffer.concat([received, bytes]);
        if (received.length === sent.length) whole();
      },
    });
    if (!opened.ok) throw new Error(opened.detail);
    opened.channel.write(sent);
    await done;
    expect(received.equals(sent)).toBe(true);
  });

  it('may be paused for longer than keepalives would wait, and then goes on where it was', async () => {
    const connection = await connected((await startServer()).port, 40);
    const sent = Buffer.alloc(8 * 1024 * 1024, 'pogo');
    let received = 0;
    let lost: string | undefined;
    let whole = () => {};
    const done = new Promise<void>((resolve) => (whole = resolve));
    const opened = await connection.exec('cat', {
      ...noHandlers,
      stdout: (bytes) => {
        received += bytes.length;
        if (received === sent.length) whole();
      },
      closed: (end) => (lost = end.lost),
    });
    if (!opened.ok) throw new Error(opened.detail);
    opened.channel.pause();
    opened.channel.write(sent);
    await delay(systemClock, 400);
    expect({ received, lost }).toEqual({ received: 0, lost: undefined });
    opened.channel.resume();
    await done;
    expect(lost).toBeUndefined();
  });

  it('asks a server for nothing but the login and the command', async () => {
    const server = await startServer();
    const connection = await connected(server.port);
    await connection.exec('one', noHandlers);
    await connection.exec('two', noHandlers);
    expect(server.asked).toEqual(['one', 'two']);
  });

  it('sends nothing to a host whose key is refused, and says that it was', async () => {
    const server = await startServer();
    let tried = false;
    const login = {
      next: () => {
        tried = true;
        return { kind: 'learn-methods' as const };
      },
      accepted: () => undefined,
      broken: () => undefined,
    };
    const outcome = await connectTo(server.port, { verifyHostKey: () => false, login });
    expect(outcome).toEqual({ ok: false, failure: { kind: 'host-key' } });
    expect(tried).toBe(false);
  });

  it('can be told to stop at any moment', async () => {
    const server = await startServer();
    for (const moment of ['before', 'host-key', 'login'] as const) {
      const aborter = new AbortController();
      if (moment === 'before') aborter.abort();
      const outcome = await connectTo(server.port, {
        signal: aborter.signal,
        verifyHostKey: () => {
          if (moment === 'host-key') aborter.abort();
          return true;
        },
        login: {
          next: () => {
            aborter.abort();
            return new Promise(() => undefined);
          },
          accepted: () => undefined,
          broken: () => undefined,
        },
      });
      expect(outcome).toEqual({ ok: false, failure: { kind: 'aborted' } });
    }
  });

  it('takes the address that answers, when the first ones of a name do not', async () => {
    const server = await startServer();
    // "localhost" is ::1 and 127.0.0.1 on most machines; nobody listens on the first.
    const outcome = await connectTo(server.port, {
      target: { host: 'localhost', port: server.port, user: 'anybody' },
    });
    expect(outcome.ok).toBe(true);
    if (outcome.ok) outcome.connection.close();
  });
});
