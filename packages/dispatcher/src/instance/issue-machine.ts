/**
 * Papers of a further machine of an instance (`pogo-dispatcher issue`): a home of its own, to be carried over as it is, with
 * new keys, certificates by the instance's roots, and a configuration to begin with.
 *
 * 1. The new home has the roots' certificates and never their keys. Nothing of this instance's home changes but the list of
 *    what was issued.
 * 2. A name is issued once for each role: two machines of one name would be taken for one another. What was begun and isn't
 *    whole counts as issued.
 * 3. Nothing is overwritten: a file that is in the way is refused before anything is written.
 */
import { X509Certificate } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dispatcherConfigurationSchema, homeLayout, workerConfigurationSchema } from '@pogo/protocol';
import { clientProfileText } from './client-profile.js';
import {
  type DispatcherBeginning,
  dispatcherConfigurationText,
  type WorkerBeginning,
  workerConfigurationText,
} from './configuration-files.js';
import { certificateKeyId } from './fingerprint.js';
import { InstanceMaker, type Issuer, type MakerOptions } from './instance-maker.js';
import { newPrivateKey } from './key-pairs.js';
import {
  fileExists,
  FileRefused,
  makePrivateDirectory,
  readPrivateFile,
  readPublicFile,
} from './private-files.js';

/** What the machine is to be. */
export type Machine =
  | ({ role: 'worker' } & WorkerBeginning)
  | ({ role: 'dispatcher'; hosts: readonly string[] } & DispatcherBeginning);

export interface IssueOptions extends MakerOptions {
  /** Home of the instance, with the keys of its roots. */
  home: string;
  /** The new home; made if it is missing. */
  out: string;
  machine: Machine;
  /** The name was issued before, to a machine that is no more. */
  again: boolean;
}

export type IssueOutcome =
  /** Fingerprints are `sha256:<hex>` of public keys. */
  | { kind: 'issued'; fingerprints: Record<string, string> }
  /** `message` names the thing, the cause and the next step. */
  | { kind: 'refused'; message: string };

export async function issueMachine(options: IssueOptions): Promise<IssueOutcome> {
  try {
    return await issue(options);
  } catch (error) {
    if (error instanceof FileRefused) return { kind: 'refused', message: error.message };
    throw error;
  }
}

async function issue(options: IssueOptions): Promise<IssueOutcome> {
  const { home, out, machine, again, nowMs } = options;
  const wrong = problemOf(machine);
  if (wrong !== undefined) return { kind: 'refused', message: wrong };
  const issuedList = join(homeLayout(home).instance.dir, 'issued');
  const earlier = await issuedBefore(home, issuedList);
  if (!again && earlier.has(`${machine.role} ${machine.name}`)) {
    return {
      kind: 'refused',
      message: `a ${machine.role} ${machine.name} was issued already (${issuedList}): give this one another name, or say --again if that machine is no more`,
    };
  }
  const maker = new InstanceMaker(options);
  const { files, fingerprints } = await papersOf(options, maker);
  for (const path of files.keys()) {
    if (!(await fileExists(path))) continue;
    return { kind: 'refused', message: `${path} is there already: give --out a new directory` };
  }
  const at = new Date(nowMs).toISOString();
  const keys = Object.values(fingerprints).join(' ');
  await appendFile(issuedList, `${machine.role} ${machine.name} ${at} ${keys}\n`, { mode: 0o600 });
  const { client, instance, dispatcher, worker } = homeLayout(out);
  const own = machine.role === 'worker' ? [worker.dir] : [dispatcher.dir, client.dir];
  for (const dir of [out, instance.dir, ...own]) await makePrivateDirectory(dir);
  for (const [path, content] of files) await maker.write(path, content);
  return { kind: 'issued', fingerprints };
}

/** Every file of the new home, by path. */
async function papersOf(
  { home, out, machine }: IssueOptions,
  maker: InstanceMaker,
): Promise<{ files: Map<string, string>; fingerprints: Record<string, string> }> {
  const from = homeLayout(home);
  const to = homeLayout(out);
  const { instance } = from;
  const link = await issuerOf(instance.linkRootCertificate, instance.linkRootKey);
  const sealingRoot = await readPublicFile(instance.sealingRootCertificate);
  const files = new Map([
    [to.instance.linkRootCertificate, link.certificate],
    [to.instance.sealingRootCertificate, sealingRoot],
  ]);
  const { name } = machine;
  const linkKey = await newPrivateKey();
  if (machine.role === 'worker') {
    const sealing = await issuerOf(instance.sealingRootCertificate, instance.sealingRootKey);
    const sealingKey = await newPrivateKey();
    const linkCertificate = maker.issue({ name, role: 'worker' }, linkKey, link);
    const sealingCertificate = maker.issue({ name, role: 'sealing' }, sealingKey, sealing);
    files.set(to.worker.linkKey, linkKey);
    files.set(to.worker.linkCertificate, linkCertificate);
    files.set(to.worker.sealingKey, sealingKey);
    files.set(to.worker.sealingCertificate, sealingCertificate);
    files.set(to.worker.config, workerConfigurationText(to, machine));
    return {
      files,
      fingerprints: {
        link: certificateKeyId(linkCertificate),
        sealing: certificateKeyId(sealingCertificate),
      },
    };
  }
  const addresses = machine.hosts.filter((host) => isAddress(host));
  const dns = machine.hosts.filter((host) => !isAddress(host));
  const hosts = { dns: [name, 'localhost', ...dns], addresses: ['127.0.0.1', '::1', ...addresses] };
  const linkCertificate = maker.issue({ name, role: 'dispatcher', hosts }, linkKey, link);
  files.set(to.dispatcher.linkKey, linkKey);
  files.set(to.dispatcher.linkCertificate, linkCertificate);
  files.set(to.dispatcher.config, dispatcherConfigurationText(to, machine));
  // One token for all dispatchers: the client asks any of them.
  files.set(to.client.token, (await readPrivateFile(from.client.token)).reveal());
  const url = `https://${machine.listen ?? '127.0.0.1:7646'}`;
  const profile = { version: 1, url, linkRoot: link.certificate, sealingRoot } as const;
  files.set(to.client.profile, clientProfileText(profile));
  return { files, fingerprints: { link: certificateKeyId(linkCertificate) } };
}

async function issuerOf(certificate: string, key: string): Promise<Issuer> {
  if (!(await fileExists(key))) {
    throw new FileRefused(
      'file-missing',
      `${key}, the key of the root that issues this, is not here: bring it back for this command, or say --home DIR of the instance that has it`,
    );
  }
  return {
    certificate: await readPublicFile(certificate),
    privateKey: (await readPrivateFile(key)).reveal(),
  };
}

/** `worker NAME` and `dispatcher NAME`: those of the list, and the instance's first ones (2). */
async function issuedBefore(home: string, list: string): Promise<Set<string>> {
  const { dispatcher, worker } = homeLayout(home);
  const issued = new Set<string>();
  for (const [role, path] of [
    ['dispatcher', dispatcher.linkCertificate],
    ['worker', worker.linkCertificate],
  ] as const) {
    if (!(await fileExists(path))) continue;
    const { subject } = new X509Certificate(await readPublicFile(path));
    issued.add(`${role} ${/^CN=(.*)$/m.exec(subject)?.[1] ?? ''}`);
  }
  if (await fileExists(list)) {
    for (const line of (await readPublicFile(list)).split('\n'))
      issued.add(line.split(' ').slice(0, 2).join(' '));
  }
  return issued;
}

/** What the configuration would be refused for, and a store that no second machine can have. */
function problemOf(machine: Machine): string | undefined {
  const { name } = workerConfigurationSchema.shape;
  if (!name.safeParse(machine.name).success)
    return `${JSON.stringify(machine.name)} is no name: use lower-case letters, digits, dots and dashes, 63 at most`;
  if (machine.role === 'worker') {
    const { dispatchers, pools } = workerConfigurationSchema.shape;
    if ((machine.dispatchers ?? []).length === 0)
      return 'say where the dispatchers are that the worker connects to: --dispatcher wss://HOST:PORT for each';
    if (!dispatchers.safeParse(machine.dispatchers).success)
      return `--dispatcher takes wss://HOST:PORT, the address that a dispatcher listens on for workers: ${(machine.dispatchers ?? []).join(', ')}`;
    const checked = pools.safeParse(machine.pools ?? []);
    return checked.success ? undefined : `--pool: ${checked.error.issues[0]!.message}`;
  }
  const { listen, workerListen } = dispatcherConfigurationSchema.shape;
  if (machine.store === undefined || !machine.store.startsWith('zookeeper://'))
    return 'several dispatchers share one store: say --store zookeeper://HOST:PORT,…/CHROOT, and give the first one the same in its configuration';
  if (!listen.safeParse(machine.listen).success) return '--listen takes HOST:PORT';
  if (!workerListen.safeParse(machine.workerListen).success) return '--worker-listen takes HOST:PORT';
  return undefined;
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(':');
}
