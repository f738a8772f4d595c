/** What both parts of a soak need: scripted hosts, a cluster, and options that log in. Must run where only `lo` is. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createKeyWithoutOpenSsh,
  knownHostsText,
  type ScriptedHosts,
  type ScriptedHostsOptions,
  startScriptedHosts,
} from '@pogo/testkit';
import { type SoakCluster, startSoakCluster } from './soak-cluster.js';

export interface SoakStage {
  readonly cluster: SoakCluster;
  readonly hosts: ScriptedHosts;
  /** Private; removed at the end. */
  readonly directory: string;
  /** Options of `pogo run`: account, port, key and known hosts. */
  readonly login: readonly string[];
  close(): Promise<void>;
}

export interface SoakStageOptions extends Pick<ScriptedHostsOptions, 'meet' | 'act'> {
  root: string;
  heapProbe: string;
  /** Addresses whose keys are known, one line each; all of 127.0.0.0/8 in one line when absent. */
  known?: readonly string[];
}

export async function openSoakStage(options: SoakStageOptions): Promise<SoakStage> {
  const directory = mkdtempSync(join(tmpdir(), 'pogo-soak-'));
  const key = createKeyWithoutOpenSsh({ directory, name: 'identity' });
  const { meet, act } = options;
  const hosts = await startScriptedHosts({
    user: 'soak',
    authorizedKeys: [key.publicLine],
    ...(meet && { meet }),
    ...(act && { act }),
  });
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(
    knownHosts,
    knownHostsText({ hosts: options.known ?? ['127.*'], port: hosts.port, keys: hosts.hostPublicKeys }),
  );
  const clusterDirectory = join(directory, 'cluster');
  mkdirSync(clusterDirectory);
  const cluster = await startSoakCluster({
    cli: join(options.root, 'packages/client/dist/pogo.js'),
    directory: clusterDirectory,
    heapProbe: options.heapProbe,
  });
  return {
    cluster,
    hosts,
    directory,
    login: [
      ...['-l', 'soak', '-p', String(hosts.port)],
      ...['--identity', key.privatePath, '--known-hosts', knownHosts],
    ],
    async close() {
      await cluster.stop();
      await hosts.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Says something to who watches, and to the record of the run. */
export function recorder(file: string): (text: string) => void {
  writeFileSync(file, '');
  return (text) => {
    process.stderr.write(`${text}\n`);
    appendFileSync(file, `${text}\n`);
  };
}
