/** Opens a store in ZooKeeper: connects, checks that what is there is ours, and makes what is missing. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@pogo/lifecycle';
import type { Store } from '../../store.js';
import { StoreError } from '../../store-error.js';
import { handleOn } from '../handle.js';
import { LogNodes } from './log-nodes.js';
import { Paths, foldersAbove } from './paths.js';
import { RecordSeal } from './record-seal.js';
import { readSecretFile } from './secret-file.js';
import type { Session } from './session.js';
import { SessionKeeper } from './session-keeper.js';
import { ZooKeeperDocuments } from './zookeeper-documents.js';
import { ZooKeeperElections } from './zookeeper-elections.js';
import { ZooKeeperLog } from './zookeeper-log.js';
import { parseZooKeeperUrl } from './zookeeper-url.js';

const formatVersion = 1;

export interface ZooKeeperStoreOptions {
  /** What follows `zookeeper:`. */
  url: string;
  clock?: Clock;
  random?: () => number;
}

/** Rejects with a StoreError. */
export async function openZooKeeper(options: ZooKeeperStoreOptions): Promise<Store> {
  const { servers, addresses, chroot, settings } = parseZooKeeperUrl(options.url);
  const random = options.random ?? (() => randomInt(2 ** 32) / 2 ** 32);
  const secret = (name: 'digestFile' | 'storeKeyFile') => {
    const file = settings[name];
    return file === undefined ? undefined : readSecretFile(name, file);
  };
  const digest = await secret('digestFile');
  const seal = new RecordSeal(await secret('storeKeyFile'));
  const keeper = await SessionKeeper.open({
    addresses: shuffled(addresses, random),
    servers,
    sessionTimeoutMs: settings.sessionTimeoutMs,
    callTimeoutMs: settings.callTimeoutMs,
    digest,
    clock: options.clock ?? systemClock,
    random,
  });
  const paths = new Paths(chroot);
  const location = `zookeeper://${servers}${chroot}`;
  try {
    await keeper.repeat((session) => makeStore(session, paths, location));
  } catch (error) {
    await keeper.close();
    throw error;
  }
  const damaged = (path: string) =>
    new StoreError(
      'store-corrupt',
      `the store ${location} is damaged: the node ${path} isn't what was written there, or not under this instance's ` +
        'store key. Find out who wrote it; restore it from a backup, or use the storeKeyFile of the instance',
    );
  const documents = new ZooKeeperDocuments({
    keeper,
    paths,
    seal,
    servers,
    writeId: () => randomBytes(16),
    damaged,
  });
  const elections = new ZooKeeperElections({ keeper, paths, uniqueId: randomUUID });
  const logs = new Map<string, ZooKeeperLog>();
  return handleOn(
    {
      describe: () => ({ driver: 'zookeeper', location, formatVersion, session: keeper.condition }),
      log(namespace) {
        const known = logs.get(namespace);
        if (known !== undefined) return known;
        const log = new ZooKeeperLog({ keeper, nodes: new LogNodes({ namespace, paths, seal, damaged }) });
        logs.set(namespace, log);
        return log;
      },
      documents,
      campaign: (name, signal, closed) => elections.campaign(name, signal, closed),
    },
    async () => {
      documents.close();
      await keeper.close();
    },
  );
}

/** So that not all dispatchers hang on the server that is named first. */
function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ value }) => value);
}

async function makeStore(session: Session, paths: Paths, location: string): Promise<void> {
  const [, found] = await Promise.all([session.sync(paths.format), session.read(paths.format)]);
  if (found === undefined) {
    const names = (await session.children(paths.root === '' ? '/' : paths.root)) ?? [];
    // Another dispatcher has finished making it at this moment.
    if (names.includes('format')) return makeStore(session, paths, location);
    const own = new Set(['zookeeper', ...paths.folders.map((path) => path.slice(paths.root.length + 1))]);
    const stranger = names.find((name) => !own.has(name));
    if (stranger !== undefined) {
      throw new StoreError(
        'store-unsupported',
        `${location} is not a store, and it holds other nodes (${stranger}): use another chroot`,
      );
    }
    const nothing = new Uint8Array();
    for (const path of foldersAbove('', paths.format)) {
      // What is there already may be somebody else's.
      if ((await session.exists(path)) === undefined) await session.create(path, nothing);
    }
    await Promise.all(paths.folders.map((path) => session.create(path, nothing)));
    // Last: where it is missing, nothing was written yet.
    await session.create(paths.format, Buffer.from(`pogo-store ${formatVersion}\n`));
    return;
  }
  const version = /^pogo-store (\d{1,9})\n$/.exec(new TextDecoder().decode(found.data))?.[1];
  if (version === undefined) {
    throw new StoreError('store-unsupported', `${location} is not a store of ours: use another chroot`);
  }
  if (Number(version) > formatVersion) {
    throw new StoreError(
      'store-format-newer',
      `the store ${location} has format ${version}, and this version reads up to ${formatVersion}: ` +
        'use the newer version that wrote it, or another chroot',
    );
  }
}
