/** The daemons' configuration as a new instance begins with it. */
import { basename, dirname, relative } from 'node:path';
import type { HomeLayout } from '@pogo/protocol';
import { stringify } from 'yaml';

export interface DispatcherBeginning {
  name: string;
  /** `HOST:PORT` of the API and of the workers' listener; by default on this machine alone. */
  listen?: string | undefined;
  workerListen?: string | undefined;
  /** By default the embedded one below the home. */
  store?: string | undefined;
}

export interface WorkerBeginning {
  name: string;
  /** `wss://HOST:PORT` of every dispatcher; by default one on this machine. */
  dispatchers?: readonly string[];
  /** By default the one that workers are in without any. */
  pools?: readonly string[];
}

export function dispatcherConfigurationText(
  layout: HomeLayout,
  { name, listen, workerListen, store }: DispatcherBeginning,
): string {
  const here = (path: string) => relative(dirname(layout.dispatcher.config), path);
  return `# Configuration of this dispatcher. Paths are relative to this file.\n${stringify({
    name,
    listen: listen ?? '127.0.0.1:7646',
    workerListen: workerListen ?? '127.0.0.1:7647',
    store: store ?? `embedded:${basename(layout.dispatcher.store)}`,
    linkKey: here(layout.dispatcher.linkKey),
    linkCertificate: here(layout.dispatcher.linkCertificate),
    linkRoot: here(layout.instance.linkRootCertificate),
    sealingRoot: here(layout.instance.sealingRootCertificate),
    tokenFile: here(layout.client.token),
    attachments: here(layout.dispatcher.attachments),
  })}`;
}

export function workerConfigurationText(
  layout: HomeLayout,
  { name, dispatchers = ['wss://127.0.0.1:7647'], pools = [] }: WorkerBeginning,
): string {
  const here = (path: string) => relative(dirname(layout.worker.config), path);
  return `# Configuration of this worker. Paths are relative to this file.\n${stringify({
    name,
    dispatchers,
    ...(pools.length > 0 && { pools }),
    linkKey: here(layout.worker.linkKey),
    linkCertificate: here(layout.worker.linkCertificate),
    linkRoot: here(layout.instance.linkRootCertificate),
    sealingKey: here(layout.worker.sealingKey),
    sealingCertificate: here(layout.worker.sealingCertificate),
    knownHosts: here(layout.worker.knownHosts),
    spool: { dir: here(layout.worker.spool) },
    journal: here(layout.worker.journal),
    attachments: here(layout.worker.attachments),
  })}`;
}
