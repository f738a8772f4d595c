/** Who may have a link to a dispatcher as another dispatcher, and what is told of those who may not. */
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { systemClock } from '@pogo/lifecycle';
import { dispatcherLinkPath } from '@pogo/protocol';
import { PeerDialer } from '@pogo/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cluster, type RunningDispatcher } from './support/cluster.js';
import { issuePapers } from './support/papers.js';
import { metric, sees, SeveralDispatchers, waiting } from './support/several-dispatchers.js';

let cluster: Cluster;
let several: SeveralDispatchers;
beforeAll(async () => {
  cluster = await Cluster.make();
});
beforeEach(() => {
  several = new SeveralDispatchers(cluster);
});
afterEach(() => several.stop());
afterAll(() => cluster.remove());

interface Identity {
  key: string;
  cert: string;
}

function own(who: 'worker' | 'dispatcher'): Identity {
  const { layout, read } = cluster.instance;
  return { key: read(layout[who].linkKey), cert: read(layout[who].linkCertificate) };
}

const linkRoot = () => cluster.instance.read(cluster.instance.layout.instance.linkRootCertificate);

/** Dials the link of dispatchers; resolves to how that ended. */
async function dialAs(identity: Identity, { dispatcher }: RunningDispatcher): Promise<string> {
  return new Promise((resolve) => {
    const end = (outcome: string) => {
      resolve(outcome);
      void dialer.stop();
    };
    const dialer = new PeerDialer({
      url: dispatcher.workersUrl,
      path: dispatcherLinkPath,
      tls: { ...identity, ca: linkRoot() },
      expectRole: 'dispatcher',
      clock: systemClock,
      random: () => 0,
      handlers: { methods: {} },
      onConnected: (peer) => {
        void peer.closed.then(({ code }) => end(`closed ${code}`));
      },
      onDisconnected: () => undefined,
      onDialFailed: end,
    });
    void dialer.start();
  });
}

function fetchAs(identity: Identity | undefined, url: string): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const options = { ...identity, ca: linkRoot(), checkServerIdentity: () => undefined };
    const sent = request(url.replace('wss:', 'https:'), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the link of dispatchers', () => {
  it("is refused to a worker's certificate", async () => {
    const one = await several.dispatcher('one');
    expect(await dialAs(own('worker'), one)).toContain('403');
    expect(one.logged()).toContain('the certificate is not one of a dispatcher');
    await metric(one, 'pogo_dispatchers_connected 0');
  });

  it('is refused to one that has the same name', async () => {
    const one = await several.dispatcher('one');
    const { linkKey, linkCertificate } = issuePapers(cluster.instance, 'one', 'dispatcher');
    expect(await dialAs({ key: linkKey, cert: linkCertificate }, one)).toBe('closed 4003');
    await metric(one, 'pogo_dispatchers_connected 0');
  });

  it('is not taken up with somebody else at the address of a dispatcher', async () => {
    const one = await several.dispatcher('one');
    await several.third([], { announcedAs: 'four' });
    await vi.waitFor(
      () => expect(one.logged()).toContain('the certificate names dispatcher three, not four'),
      waiting,
    );
    await metric(one, 'pogo_dispatchers_connected 0');
  });

  it("is nothing that the API serves to a client's token", async () => {
    const one = await several.dispatcher('one');
    for (const path of [dispatcherLinkPath, `${dispatcherLinkPath}/attachments/${'0'.repeat(64)}`]) {
      expect((await one.api.call(path)).status).toBe(404);
    }
  });

  it('is up again after one of both was started anew', async () => {
    const { one, two } = await several.pair();
    await two.stop();
    await sees(one, 0);
    await several.dispatcher('two');
    await sees(one, 1);
  });
});

describe('the scripts of a dispatcher', () => {
  it("are for dispatchers' certificates on one path, for workers' on the other, and for nobody without", async () => {
    const one = await several.dispatcher('one');
    const bytes = randomBytes(1000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await one.api.call(`/v1/attachments/${sha256}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      raw: bytes,
    });
    const { workersUrl } = one.dispatcher;
    const ofDispatchers = `${workersUrl}${dispatcherLinkPath}/attachments/${sha256}`;
    const ofWorkers = `${workersUrl}/attachments/${sha256}`;
    expect(await fetchAs(own('dispatcher'), ofDispatchers)).toEqual({ status: 200, body: bytes });
    expect((await fetchAs(own('worker'), ofDispatchers)).status).toBe(403);
    expect((await fetchAs(own('dispatcher'), ofWorkers)).status).toBe(403);
    await expect(fetchAs(undefined, ofDispatchers)).rejects.toThrow();
    expect((await fetchAs(own('dispatcher'), `${workersUrl}${dispatcherLinkPath}/jobs`)).status).toBe(404);
    expect((await fetchAs(own('dispatcher'), `${workersUrl}${dispatcherLinkPath}`)).status).toBe(426);
  });
});
