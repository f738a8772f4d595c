import assert from 'node:assert/strict';
import { type Log, type Store, openStore } from '@pogo/store';
import { type FlakyProxy, type ZooKeeperEnsemble, startFlakyProxy, startZooKeeper } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { StoreUser, bundleStoreUser } from './children/start.js';
import { inNewDirectory } from './directories.js';
import { persistent } from './persistent-store.js';
import { newChroot } from './zookeeper-fixture.js';

const settings = '?sessionTimeoutMs=2000&callTimeoutMs=20000';
const never = new AbortController().signal;

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeper();
}, 150_000);
afterAll(() => ensemble.stop());

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** A dispatcher's store behind a network of its own, and another's with a good one. */
async function scene(): Promise<{ network: FlakyProxy; parted: Store; other: Store }> {
  const network = await startFlakyProxy({ targetPort: ensemble.servers[0]!.clientPort });
  undo.push(() => network.stop());
  const chroot = newChroot();
  const open = async (address: string) => {
    const store = await openStore(`zookeeper://${address}${chroot}${settings}`);
    undo.push(() => store.close());
    return store;
  };
  return {
    network,
    parted: await open(`127.0.0.1:${network.port}`),
    other: await open(ensemble.addresses),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Sessions that the server knows, those included that nobody uses any more and that haven't expired yet. */
async function sessionCount(): Promise<number> {
  const answer = await ensemble.servers[0]!.ask('mntr');
  const [, count] = /^zk_global_sessions\s+(\d+)$/m.exec(answer ?? '') ?? [];
  assert.ok(count !== undefined, answer);
  return Number(count);
}

function append(log: Log, writer: string, index: number) {
  return log.append(index, { writer, id: `${index}`, body: new Uint8Array() });
}

describe('a session with ZooKeeper', () => {
  it('that hears nothing any more ends by itself: the lease is lost, another leads, and the log refuses the earlier leader', async () => {
    const { network, parted, other } = await scene();
    const lease = await parted.leadership.campaign('main', never);
    assert.deepEqual(await append(persistent(parted).log('main'), 'parted', 0), { kind: 'ok' });
    const seen: string[] = [];
    const enough = new AbortController();
    const following = (async () => {
      for await (const outcome of parted.log('main').follow(0, enough.signal)) {
        if (outcome.kind === 'entries')
          seen.push(...outcome.entries.map(({ index, batch }) => `${index}:${batch.writer}`));
        if (seen.length === 4) enough.abort();
      }
    })();
    const succession = other.leadership.campaign('main', never);

    network.silence();
    const inDoubt = append(parted.log('main'), 'parted', 1);
    await aborted(lease!.lost);
    const successor = await succession;
    assert.equal(successor?.lost.aborted, false);
    for (const index of [1, 2, 3])
      assert.deepEqual(await append(persistent(other).log('main'), 'other', index), { kind: 'ok' });
    // What it wrote before it was parted was held back and comes now, late, into an ended session.
    network.resume();

    assert.equal((await inDoubt).kind, 'doubt');
    assert.deepEqual(await append(persistent(parted).log('main'), 'parted', 1), {
      kind: 'conflict',
      found: { writer: 'other', id: '1' },
    });
    await following;
    assert.deepEqual(seen, ['0:parted', '1:other', '2:other', '3:other']);
  });

  it('survives a cut: leases stay, watches stay, and a request that was cut in the middle is made exactly once', async () => {
    const { network, parted, other } = await scene();
    const lease = await parted.leadership.campaign('main', never);
    const watching = parted.documents.watch('', never)[Symbol.asyncIterator]();
    await watching.next();
    let changed = watching.next();
    const sessions = await sessionCount();
    // After so many bytes: in the header, in the path, in the value, behind the request.
    for (const [round, bytes] of [10, 60, 150, 400, 1_000].entries()) {
      network.cutAfter(bytes);
      const value = new Uint8Array(300).fill(round);
      const outcome = await parted.documents.put(`key-${round}`, value, null);
      assert.equal(outcome.kind, 'ok', JSON.stringify(outcome));
      assert.deepEqual(await other.documents.get(`key-${round}`), {
        value,
        version: outcome.kind === 'ok' ? outcome.version : 0,
      });
      let shown = (await changed).value;
      while (shown.length <= round) shown = (await watching.next()).value;
      changed = watching.next();
    }
    assert.equal(lease?.lost.aborted, false);
    assert.ok((await sessionCount()) <= sessions, 'a cut has begun another session');
    await other.documents.put('last', new Uint8Array(), null);
    assert.equal((await changed).done, false);
    await watching.return?.();
  });

  it('whose process is stopped for longer than its timeout has ended when the process wakes, which neither leads nor writes', () =>
    inNewDirectory(async (directory) => {
      const chroot = newChroot();
      const url = `zookeeper://${ensemble.addresses}${chroot}${settings}`;
      const other = await openStore(url);
      undo.push(() => other.close());
      const child = new StoreUser(await bundleStoreUser(directory, 'leading-writer'), { arguments: [url] });
      undo.push(() => child.kill());
      await child.linesUntil('leads');
      await child.linesUntil('ok 5');
      const succession = other.leadership.campaign('main', never);
      child.process.kill('SIGSTOP');
      const lease = await succession;
      // The first free index, unless what the child sent before it was stopped took that.
      const read = await other.log('main').read(0, 1000);
      let index = read.kind === 'entries' ? read.next : 0;
      while ((await append(persistent(other).log('main'), 'other', index)).kind === 'conflict') index += 1;
      child.process.kill('SIGCONT');

      const lines = await child.linesUntil('conflict');
      assert.equal(lines.at(-1), `conflict ${index} other`);
      assert.deepEqual(await child.linesUntil('lost'), ['lost']);
      assert.equal(lease?.lost.aborted, false);
      await lease?.resign();
      assert.deepEqual(await child.linesUntil('leads'), ['leads']);
    }));
});
