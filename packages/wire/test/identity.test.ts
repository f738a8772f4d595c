import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { workerLinkPath } from '@pogo/protocol';
import { afterEach, expect, test } from 'vitest';
import { CertificateAuthority, linkTls } from './certificate-authority.js';
import { authority, dial, dispatcherTls, listen, socketsClosed, stopLinks, workerTls } from './links.js';

afterEach(async () => {
  await stopLinks();
  await socketsClosed();
});

const foreign = new CertificateAuthority('foreign root');

test('a listener turns away a certificate of a foreign root', async () => {
  const { url, refused, peers } = await listen();
  const tls = { ...linkTls(foreign, 'worker', 'w1'), ca: authority.certificate };
  const { failed, connected } = await dial(url, undefined, { tls });
  expect(await failed.next()).toContain(`${url} refused the connection`);
  expect(await refused.next()).toMatch(/VERIFY|CERT/);
  expect([peers.waiting, connected.waiting]).toEqual([[], []]);
});

test('a dialer sends nothing to a listener whose certificate is of a foreign root', async () => {
  const { url, peers } = await listen(undefined, {
    tls: { ...linkTls(foreign, 'dispatcher', 'd1'), ca: authority.certificate },
  });
  const { failed, connected } = await dial(url);
  expect(await failed.next()).toMatch(/unable to verify|self-signed/);
  expect([peers.waiting, connected.waiting]).toEqual([[], []]);
});

test('a worker cannot pass for a dispatcher, nor a dispatcher for a worker', async () => {
  const impostor = await listen(undefined, { tls: workerTls });
  const misled = await dial(impostor.url);
  expect(await misled.failed.next()).toContain('not one of a dispatcher');

  const { url, refused } = await listen();
  const wrong = await dial(url, undefined, { tls: dispatcherTls });
  expect(await wrong.failed.next()).toContain('403');
  expect(await refused.next()).toContain('not one of a worker');
});

test('an impostor gets nothing at all from a dialer, not even the request', async () => {
  const received: string[] = [];
  const server = createServer({ ...workerTls, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { failed, dialer } = await dial(`wss://127.0.0.1:${port}`);
  expect(await failed.next()).toContain('not one of a dispatcher');
  expect(await failed.next()).toContain('not one of a dispatcher');
  await dialer.stop();
  server.close();
  await once(server, 'close');
  expect(received).toEqual([]);
});

test.each([
  ['two roles', { commonName: 'w1', organizationalUnits: ['worker', 'dispatcher'] }],
  ['no role', { commonName: 'w1' }],
  ['a name that is none', { commonName: 'w 1\u0000', organizationalUnits: ['worker'] }],
])('a certificate of the right root with %s is turned away', async (_what, subject) => {
  const { url, refused } = await listen();
  const { failed } = await dial(url, undefined, {
    tls: { ...authority.issue(subject), ca: authority.certificate },
  });
  expect(await failed.next()).toContain('403');
  expect(await refused.next()).toContain('not one of a worker');
});

test('an expired certificate and a missing one are turned away', async () => {
  const { url, refused, listener } = await listen();
  const expired = authority.issue(
    { commonName: 'w1', organizationalUnits: ['worker'] },
    { notAfter: new Date(Date.now() - 60_000) },
  );
  const { failed } = await dial(url, undefined, { tls: { ...expired, ca: authority.certificate } });
  expect(await failed.next()).toContain('refused the connection');
  expect(await refused.next()).toMatch(/CERT_HAS_EXPIRED/);
  const bare = connectTls({
    ...listener.address,
    ca: authority.certificate,
    checkServerIdentity: () => undefined,
  });
  expect(await ending(bare)).toMatch(/certificate required|ECONNRESET/);
});

test('a worker certificate cannot issue further certificates', async () => {
  const { url, refused } = await listen();
  // Signed by a leaf's name: the chain must not lead through it.
  const pretender = new CertificateAuthority('w1');
  const issued = pretender.issue({ commonName: 'w2', organizationalUnits: ['worker'] });
  const { failed } = await dial(url, undefined, {
    tls: { key: issued.key, cert: issued.cert + workerTls.cert, ca: authority.certificate },
  });
  expect(await failed.next()).toContain('refused the connection');
  await refused.next();
});

test('plain text and TLS 1.2 are refused', async () => {
  const { listener, refused } = await listen();
  const plain = connectPlain(listener.address);
  plain.write('GET /worker-link HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  plain.resume();
  await once(plain, 'close');
  expect(await refused.next()).toMatch(/http request|wrong version/);
  const old = connectTls({
    ...listener.address,
    ...workerTls,
    maxVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  });
  expect(await ending(old)).toMatch(/protocol version|EPROTO|alert/);
});

test('another path, and plain requests on the right one, are answered with an error', async () => {
  const { listener, refused } = await listen();
  const ask = async (head: string) => {
    const socket = connectTls({ ...listener.address, ...workerTls, checkServerIdentity: () => undefined });
    socket.write(`${head}\r\nHost: a\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return first.toString().split('\r\n')[0];
  };
  expect(await ask('GET /worker-link HTTP/1.1')).toContain('426');
  expect(await ask('GET /elsewhere HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade')).toContain('404');
  expect(await refused.next()).toContain('path');
});

async function ending(socket: TLSSocket): Promise<string> {
  let error = '';
  socket.on('error', (cause) => (error = cause.message));
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  return error;
}

test('a listener serves plain requests to peers with the expected role alone, and none unless it was told to', async () => {
  const ask = async (port: number, tls: typeof workerTls, path: string) => {
    const { key, cert, ca } = tls;
    const request = httpsRequest({ host: '127.0.0.1', port, path, key, cert, ca, agent: false, ...anyHost });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  };
  const anyHost = { checkServerIdentity: () => undefined };
  const names: string[] = [];
  const serving = await listen(undefined, {
    onRequest(request, response, identity) {
      names.push(`${identity.name} ${request.url}`);
      response.writeHead(204).end();
    },
  });
  const { port } = serving.listener.address;
  expect(await ask(port, workerTls, '/files/1')).toBe(204);
  expect(await ask(port, workerTls, workerLinkPath)).toBe(426);
  expect(await ask(port, dispatcherTls, '/files/1')).toBe(403);
  expect(await serving.refused.next()).toContain('not one of a worker');
  expect(names).toEqual(['w1 /files/1']);
  const plain = await listen();
  expect(await ask(plain.listener.address.port, workerTls, '/files/1')).toBe(426);
});
