/** A cluster, an sshd and one account that logs in with a password, all in a network namespace of their own. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Account,
  type Cluster,
  type NetworkNamespace,
  type Sshd,
  type TemporaryDirectory,
  builtCli,
  createAccount,
  createNetworkNamespace,
  createTemporaryDirectory,
  startCluster,
  startSshd,
} from '@pogo/testkit';

/** The root of this repository. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Site {
  readonly namespace: NetworkNamespace;
  readonly cluster: Cluster;
  readonly account: Account;
  readonly sshd: Sshd;
  readonly password: string;
  readonly passwordFile: string;
  /** The test's own; the account may pass through. */
  readonly directory: TemporaryDirectory;
  /** Options of `pogo run` that log in on the site's hosts. */
  readonly login: readonly string[];
  stop(): Promise<void>;
}

/** `hosts` addresses, from 127.0.1.1 on, whose keys are known. */
export async function startSite(options: { hosts: number }): Promise<Site> {
  const directory = createTemporaryDirectory({ mode: 0o755 });
  const password = randomUUID();
  const passwordFile = directory.file('password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const namespace = await createNetworkNamespace();
  const account = await createAccount({ password });
  const sshd = await startSshd({ namespace, methods: ['password'] });
  const cluster = await startCluster({ cli: builtCli(repository), namespace });
  return {
    namespace,
    cluster,
    account,
    sshd,
    password,
    passwordFile,
    directory,
    login: [
      ...['-l', account.name, '-p', String(sshd.port), '--password-file', passwordFile],
      ...['--known-hosts', sshd.knownHosts(sshd.addresses(options.hosts))],
    ],
    async stop() {
      try {
        await cluster.stop();
      } finally {
        await account.remove();
        await sshd.stop();
        await namespace.stop();
        directory.remove();
      }
    },
  };
}
