/** Cookbooks from a web server: a real one on loopback, with a certificate of its own authority. */
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { ManualClock } from '@pogo/lifecycle';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchCookbook } from '../src/recipes/fetch-cookbook.js';
import { issue } from './support/certificates.js';
import { PogoFixture } from './support/pogo.js';

const cookbook = '- name: here\n  target: web1\n  command: [true]\n';
const authority = issue({ cn: 'authority of the site', ou: 'root' });
const certificate = issue({ cn: 'localhost', ou: 'web', issuer: authority });
const foreign = issue({ cn: 'elsewhere.example.com', ou: 'web', issuer: authority });

let pogo: PogoFixture;
let trusted: Record<string, string>;
const stopping: (() => Promise<void>)[] = [];
let requests: IncomingMessage[] = [];

beforeAll(async () => {
  pogo = await PogoFixture.build();
  trusted = { NODE_EXTRA_CA_CERTS: await pogo.file('authority.pem', authority.certificate) };
});
afterAll(() => pogo?.remove());
beforeEach(() => {
  requests = [];
});
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server, stopped after the test; the answer is its address. */
async function serve(answer: Answer, issued = certificate, plain = false): Promise<string> {
  const listener: Answer = (request, response) => {
    requests.push(request);
    answer(request, response);
  };
  const server = plain
    ? createPlainServer(listener)
    : createServer({ cert: issued.certificate, key: issued.key }, listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stopping.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `${plain ? 'http' : 'https'}://localhost:${(server.address() as AddressInfo).port}`;
}

async function list(url: string, env = trusted) {
  const { code, stdout, stderr } = await pogo.run(['recipes', 'list', '-C', url, '--json'], { env });
  return { code, stdout: stdout.toString('utf8'), stderr };
}

const good: Answer = (_request, response) => void response.end(cookbook);

describe('a cookbook from a web server', () => {
  it('is used when its certificate is trusted, and named without its query', async () => {
    const url = await serve(good);
    const { code, stdout, stderr } = await list(`${url}/ops/c.yaml?token=geheim`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ file: `${url}/ops/c.yaml`, recipes: [{ name: 'here' }] });
    expect(requests[0]!.url).toBe('/ops/c.yaml?token=geheim');
    expect(requests[0]!.headers).not.toHaveProperty('authorization');
  });

  it('is refused when its certificate is not', async () => {
    const url = await serve(good);
    const unknown = await list(url, {});
    expect(unknown.stderr).toContain(
      `pogo: cookbook-certificate: cookbook ${url}/: the server's certificate`,
    );
    expect(unknown.stderr).toContain('NODE_EXTRA_CA_CERTS');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    const other = await list(await serve(good, foreign));
    expect(other.stderr).toContain('(ERR_TLS_CERT_ALTNAME_INVALID)');
    expect(other.code).toBe(1);
    expect(requests).toEqual([]);
  });

  it('is fetched over https alone, also behind a redirection', async () => {
    const plain = await serve(good, certificate, true);
    expect((await list(plain)).stderr).toContain(`pogo: cookbook-insecure: ${plain}/: `);
    const redirecting = await serve((_request, response) => {
      response.writeHead(302, { location: `${plain}/c.yaml` }).end();
    });
    const { code, stderr } = await list(`${redirecting}/a`);
    expect(stderr).toContain(
      `pogo: cookbook-insecure: ${redirecting}/a is redirected elsewhere: ${plain}/c.yaml: `,
    );
    expect(code).toBe(2);
    expect(requests).toHaveLength(1);
  });

  it('is followed to another address, and not for ever', async () => {
    const target = await serve(good);
    const once = await serve((_request, response) =>
      response.writeHead(301, { location: `${target}/c.yaml` }).end(),
    );
    expect((await list(once)).code).toBe(0);
    const circle = await serve((_request, response) => response.writeHead(307, { location: '/again' }).end());
    requests = [];
    expect((await list(circle)).stderr).toContain('it is redirected more than 5 times');
    expect(requests).toHaveLength(6);
    const secret = await serve((_request, response) =>
      response.writeHead(302, { location: target.replace('https://', 'https://me:geheim@') }).end(),
    );
    const { stderr } = await list(secret);
    expect(stderr).toContain('invalid-cookbook-url');
    expect(stderr).not.toContain('geheim');
  });

  it('has at most 1 MiB, however it is sent', async () => {
    const endless = await serve((_request, response) => {
      const write = () => {
        while (response.write('# '.repeat(4096)));
      };
      response.on('drain', write);
      write();
    });
    const { code, stderr } = await list(endless);
    expect(stderr).toContain(
      `pogo: cookbook-too-large: cookbook ${endless}/: it has more than 1048576 bytes`,
    );
    expect(code).toBe(1);
  });

  it.each<[what: string, answer: Answer, says: string]>([
    [
      'there is none',
      (_request, response) => response.writeHead(404).end(),
      'the server answers 404: check the address',
    ],
    [
      'it takes an account',
      (_request, response) => response.writeHead(401).end(),
      'the server answers 401: see that it can be read without',
    ],
    [
      'it is compressed unasked',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'the server sends it as gzip',
    ],
    [
      'it breaks off',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('- name', () => response.destroy());
      },
      'it closed the connection',
    ],
    [
      'it is no cookbook',
      (_request, response) => response.end('<html></html>'),
      '/:1:1: expected a list of recipes',
    ],
    [
      'it names a file of this machine',
      (_request, response) => response.end('- { name: a, file: x.sh }'),
      '/:1:14: file names a file of the machine',
    ],
  ])('is refused where %s', async (_what, answer, says) => {
    const { code, stdout, stderr } = await list(await serve(answer));
    expect(stderr).toContain(says);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
  });

  it('is refused where nobody answers', async () => {
    const url = await serve(good);
    for (const stop of stopping.splice(0)) await stop();
    const { code, stderr } = await list(url);
    expect(stderr).toContain(`pogo: cookbook-unreachable: cookbook ${url}/: it refused the connection`);
    expect(code).toBe(1);
    expect((await list('https://me:geheim@localhost/c.yaml')).stderr).not.toContain('geheim');
  });

  it('is given up after thirty seconds', async () => {
    const clock = new ManualClock();
    let accepted: () => void;
    const connected = new Promise<void>((resolve) => (accepted = resolve));
    const server = createRawServer((socket) => {
      stopping.push(() => Promise.resolve(void socket.destroy()));
      accepted();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stopping.push(() => new Promise((resolve) => server.close(() => resolve())));
    const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/c.yaml`);
    const fetched = fetchCookbook(url, { clock, maxBytes: 100 });
    await connected;
    clock.advance(30_000);
    const result = await fetched;
    expect(result).toMatchObject({
      ok: false,
      failure: { code: 'cookbook-timeout', message: expect.stringContaining('it did not come within 30 s') },
    });
  });
});
