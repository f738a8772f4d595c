/**
 * What chaos happens to: three ZooKeeper servers, three dispatchers, three workers, a client and the hosts, each a machine of
 * its own in a network whose links can be cut, with the real programs and a real sshd.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Account,
  createAccount,
  createKey,
  createRoutedNetwork,
  createTemporaryDirectory,
  type Fleet,
  type Key,
  type Place,
  type RoutedNetwork,
  type Sshd,
  startFleet,
  startSshd,
  startZooKeeper,
  type TemporaryDirectory,
  type ZooKeeperEnsemble,
} from '@pogo/testkit';
import { addressOf, hostRange, type Site } from './site.js';

/** Of dispatchers with ZooKeeper. */
export const sessionTimeoutMs = 4000;

export interface Arena {
  readonly network: RoutedNetwork;
  readonly zookeeper: ZooKeeperEnsemble;
  readonly fleet: Fleet;
  readonly places: Places;
  readonly account: Account;
  readonly key: Key;
  /** Credentials and host keys, as options of `pogo`. */
  readonly credentials: readonly string[];
  /** Further ones of `pogo run`: how to log in. */
  readonly login: readonly string[];
  /** Where every command notes its beginning and its end. */
  readonly recordFile: string;
  /** For files of the client's. */
  readonly directory: TemporaryDirectory;
  /** Returns the command lines of what ran on, although everything had been told to end. */
  stop(): Promise<string[]>;
}

export interface Places {
  readonly zookeeper: readonly Place[];
  readonly dispatchers: readonly Place[];
  readonly workers: readonly Place[];
  readonly client: Place;
  readonly hosts: Place;
}

export async function openArena(options: { repository: string; site: Site }): Promise<Arena> {
  const { repository, site } = options;
  const closing: (() => Promise<unknown>)[] = [];
  const left: string[] = [];
  const stop = async () => {
    const failures: unknown[] = [];
    for (let close = closing.pop(); close !== undefined; close = closing.pop())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
    return left;
  };
  try {
    const network = await createRoutedNetwork();
    closing.push(async () => left.push(...(await network.stop())));
    const three = async () => [await network.join(), await network.join(), await network.join()];
    const places: Places = {
      zookeeper: await three(),
      dispatchers: await three(),
      workers: await three(),
      client: await network.join(),
      hosts: await network.join({ range: hostRange }),
    };
    const directory = createTemporaryDirectory();
    closing.push(async () => directory.remove());
    const key = await createKey({ directory: directory.path });
    const account = await createAccount({ authorizedKeys: [key.publicLine] });
    closing.push(() => account.remove());
    const sshd: Sshd = await startSshd({
      namespace: places.hosts.namespace,
      methods: ['publickey'],
      hostKeyTypes: ['ed25519'],
    });
    closing.push(() => sshd.stop());
    const zookeeper = await startZooKeeper({ servers: 3, places: places.zookeeper });
    closing.push(() => zookeeper.stop());
    const fleet = await startFleet({
      repository,
      zookeeper: zookeeper.addresses,
      dispatchers: 3,
      workers: 3,
      sessionTimeoutMs,
      places,
    });
    closing.push(() => fleet.stop());
    const namespaceFile = directory.file('namespace.yaml');
    writeFileSync(namespaceFile, site.file);
    const applied = await fleet.run(['ns', 'apply', namespaceFile]);
    if (applied.exitCode !== 0) throw new Error(`the namespace was not applied:\n${applied.stderr}`);
    const addresses = Array.from({ length: site.hosts }, (_, at) => addressOf(at + 1));
    const credentials = ['--identity', key.privatePath];
    return {
      network,
      zookeeper,
      fleet,
      places,
      account,
      key,
      credentials,
      login: [
        ...['-l', account.name, '-p', String(sshd.port), ...credentials],
        ...['--known-hosts', sshd.knownHosts(addresses)],
      ],
      recordFile: join(account.home, 'record'),
      directory,
      stop,
    };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}
