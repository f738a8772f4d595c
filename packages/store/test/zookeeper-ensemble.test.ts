import assert from 'node:assert/strict';
import { type Log, type LogEntry, type Store, describeStoreConformance, openStore } from '@pogo/store';
import {
  TransactionReader,
  type ZooKeeperEnsemble,
  type ZooKeeperServer,
  startZooKeeper,
} from '@pogo/testkit';
import fastCheck from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, it, vi } from 'vitest';
import { persistent } from './persistent-store.js';
import { newChroot, zookeeperFixture } from './zookeeper-fixture.js';

const settings = '?sessionTimeoutMs=4000&callTimeoutMs=20000';
const never = new AbortController().signal;

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeper({ servers: 3, quorumProxies: true });
}, 150_000);
afterAll(() => ensemble.stop());

const opened: Store[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

async function open(addresses: string, chroot: string, more = settings): Promise<Store> {
  const store = persistent(await openStore(`zookeeper://${addresses}${chroot}${more}`));
  opened.push(store);
  return store;
}

function batch(writer: string, id: number) {
  return { writer, id: `${id}`, body: new TextEncoder().encode(`${writer}/${id}`) };
}

async function append(log: Log, writer: string, first: number, count: number): Promise<void> {
  for (let index = first; index < first + count; index += 1)
    assert.deepEqual(await log.append(index, batch(writer, index)), { kind: 'ok' });
}

/** Who stands where, up to `until`, as a follower hears of it. */
async function follow(log: Log, until: number): Promise<string[]> {
  const enough = new AbortController();
  const seen: LogEntry[] = [];
  for await (const outcome of log.follow(0, enough.signal)) {
    assert.equal(outcome.kind, 'entries');
    if (outcome.kind === 'entries') seen.push(...outcome.entries);
    if (seen.length >= until) enough.abort();
  }
  return seen.map(({ index, batch: { writer, id } }) => `${index}:${writer}/${id}`);
}

function names(writer: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}:${writer}/${index}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

describe('where one of three servers lags', () => {
  let [ahead, behind] = ['', ''];
  let laggard: ZooKeeperServer | undefined;
  beforeAll(async () => {
    ahead = (await ensemble.leader()).address;
    [laggard] = await ensemble.followers();
    behind = laggard!.address;
    for (const proxy of laggard!.quorumProxies) proxy.delay({ toClientMs: 4 });
  });
  afterAll(() => {
    for (const proxy of laggard?.quorumProxies ?? []) proxy.delay({ toClientMs: 0 });
  });

  // The first handle is the one that reads what others have just written.
  const fixture = zookeeperFixture((handle) => (handle % 2 === 0 ? behind : ahead));
  describeStoreConformance('zookeeper', fixture, { framework: { describe, it }, fastCheck });
});

describe('a store on three ZooKeeper servers', () => {
  it('shows no stale answer at a server that lags, and loses no entry there', async () => {
    const leader = await ensemble.leader();
    const [laggard] = await ensemble.followers();
    const chroot = newChroot();
    const ahead = await open(leader.address, chroot);
    const behind = await open(laggard!.address, chroot);
    await append(ahead.log('main'), 'a', 0, 3);
    const before = (await ahead.documents.put('key', new Uint8Array([1]), null)) as { version: number };
    const following = follow(behind.log('main'), 8);

    // The others' word no longer comes through to it; its clients still do.
    for (const proxy of laggard!.quorumProxies) proxy.silence();
    await append(ahead.log('main'), 'a', 3, 5);
    const put = await ahead.documents.put('key', new Uint8Array([2]), before.version);
    assert.equal(put.kind, 'ok');
    const answers = Promise.all([
      behind.log('main').read(0, 100),
      behind.log('main').append(5, batch('late', 5)),
      behind.log('main').append(9, batch('late', 9)),
      behind.documents.get('key'),
      behind.documents.put('key', new Uint8Array([3]), before.version),
    ]);
    let answered = false;
    void answers.then(() => (answered = true)).catch(() => undefined);
    // Whatever it could have answered from what it knows has had its turn.
    await append(ahead.log('other'), 'a', 0, 20);
    assert.equal(answered, false, 'a server that knows nothing new gave answers');
    for (const proxy of laggard!.quorumProxies) proxy.resume();

    const [read, conflict, gap, document, stale] = await answers;
    assert.equal(read.kind === 'entries' && read.entries.length, 8);
    assert.deepEqual(conflict, { kind: 'conflict', found: { writer: 'a', id: '5' } });
    assert.deepEqual(gap, { kind: 'gap', next: 8 });
    assert.deepEqual(document?.value, new Uint8Array([2]));
    assert.deepEqual(stale, { kind: 'conflict', version: put.kind === 'ok' ? put.version : 0 });
    assert.deepEqual(await following, names('a', 8));
  });

  it('keeps every acknowledged entry once when the leading server is killed, and followers go on', async () => {
    const chroot = newChroot();
    const [writer, reader] = await Promise.all([
      open(ensemble.addresses, chroot),
      open(ensemble.addresses, chroot),
    ]);
    const following = follow(reader.log('main'), 60);
    await append(writer.log('main'), 'w', 0, 20);
    const leader = await ensemble.leader();
    const writing = append(writer.log('main'), 'w', 20, 20);
    await leader.kill();
    await writing;
    await leader.start();
    await append(writer.log('main'), 'w', 40, 20);
    assert.deepEqual(await following, names('w', 60));

    // The servers' own transaction logs say the same, whatever is pruned meanwhile.
    const { version } = await writer.log('main').pointer();
    await writer.log('main').prune({ before: 30, snapshot: 's', expectedVersion: version });
    const disk = new TransactionReader(ensemble.servers.map(({ dataDirectory }) => dataDirectory));
    const folder = `${chroot}/log/main/entries/`;
    const made = disk.committed().filter(({ kind, path }) => kind === 'create' && path.startsWith(folder));
    const read = made.map(({ path, data }) => {
      const body = /w\/\d+$/.exec(data.toString('latin1'))?.[0];
      return `${Number(path.slice(folder.length))}:${body}`;
    });
    assert.deepEqual(read, names('w', 60));
  });

  it('pauses while two of three servers are gone, and then goes on: nothing acknowledged is lost, and one leads', async () => {
    const chroot = newChroot();
    const [one, other] = await Promise.all([
      open(ensemble.addresses, chroot),
      open(ensemble.addresses, chroot),
    ]);
    const first = await one.leadership.campaign('main', never);
    const succession = other.leadership.campaign('main', never);
    const enough = new AbortController();
    let acknowledged = 0;
    const writing = (async () => {
      while (!enough.signal.aborted) {
        await append(one.log('main'), 'w', acknowledged, 1);
        acknowledged += 1;
      }
    })();
    await vi.waitFor(() => assert.ok(acknowledged >= 20), 60_000);

    const gone = [await ensemble.leader(), (await ensemble.followers())[0]!];
    await Promise.all(gone.map((server) => server.kill()));
    // Nobody can say that it still leads: the lease ends here, without any server's word.
    await aborted(first!.lost);
    const before = acknowledged;
    const reading = other.log('main').read(0, 1000);
    await Promise.all(gone.map((server) => server.start()));

    const again = one.leadership.campaign('main', never);
    const [holder, next] = await Promise.race([
      succession.then((lease) => [lease, again] as const),
      again.then((lease) => [lease, succession] as const),
    ]);
    assert.equal(holder?.lost.aborted, false);
    const read = await reading;
    assert.ok(read.kind === 'entries' && read.entries.length >= before);
    const until = acknowledged + 20;
    await vi.waitFor(() => assert.ok(acknowledged >= until), 60_000);
    enough.abort();
    await writing;
    let second = false;
    void next.then(() => (second = true));
    assert.deepEqual(await follow(other.log('main'), acknowledged), names('w', acknowledged));
    assert.equal(second, false, 'two lead at once');
    await holder!.resign();
    assert.equal((await next)?.lost.aborted, false);
  });

  it('goes to another server, with the same session, when its own one stops answering', async () => {
    const followers = await ensemble.followers();
    const addresses = followers.map(({ address }) => address).join(',');
    const holder = await open(addresses, newChroot(), '?sessionTimeoutMs=8000&callTimeoutMs=30000');
    const lease = await holder.leadership.campaign('main', never);
    // One after another: whichever it is connected to is among them.
    for (const server of followers) {
      server.pause();
      assert.equal((await holder.documents.put('key', new Uint8Array(), 'any')).kind, 'ok');
      server.resume();
      await vi.waitFor(async () => assert.equal(await server.mode(), 'follower'), 60_000);
    }
    assert.equal(lease?.lost.aborted, false, 'a lease was lost without need');
  });
});
