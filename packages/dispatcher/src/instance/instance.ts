/**
 * Makes the instance below one home (`pogo-dispatcher init`): link root, sealing root, certificates of one dispatcher and
 * one worker, the client's token and profile, both daemons' configuration.
 *
 * 1. What is there stays: a complete home is left alone, and of a half-made one only what is missing is made.
 * 2. What can't be completed (a certificate without its key, something to issue without its root's key) is refused, and
 *    nothing is written.
 * 3. Private files are 0600 in directories of 0700, and no file is ever seen half-written.
 */
import { type HomeLayout, homeLayout, Secret } from '@pogo/protocol';
import { clientProfileText } from './client-profile.js';
import { certificateKeyId } from './fingerprint.js';
import { type CertificateHolder, InstanceMaker, type Issuer } from './instance-maker.js';
import { newPrivateKey } from './key-pairs.js';
import { dispatcherConfigurationText, workerConfigurationText } from './configuration-files.js';
import { fileExists, makePrivateDirectory, readPrivateFile, readPublicFile } from './private-files.js';

export interface InstanceOptions {
  home: string;
  dispatcherName?: string;
  workerName?: string;
  /** Wall clock, milliseconds since 1970. */
  nowMs: number;
  randomBytes: (count: number) => Uint8Array;
}

/** Fingerprints are `sha256:<hex>` of public keys. */
export interface InstanceFingerprints {
  linkRoot: string;
  sealingRoot: string;
  dispatcher: string;
  worker: string;
  workerSealing: string;
}

export type InstanceOutcome =
  | { kind: 'made' | 'completed' | 'left-alone'; fingerprints: InstanceFingerprints }
  /** `message` names the file, the cause and the next step. */
  | { kind: 'refused'; message: string };

interface Holder extends CertificateHolder {
  what: string;
  key: string;
  certificate: string;
  issuer: 'link' | 'sealing' | 'self';
}

interface Pair {
  certificate: string;
  /** Undefined where the key isn't here (an admin keeps it elsewhere) and isn't needed. */
  key: string | undefined;
}

export async function makeInstance(options: InstanceOptions): Promise<InstanceOutcome> {
  const layout = homeLayout(options.home);
  const found = await survey(layout, options);
  const refusal = refusalOf(found);
  if (refusal !== undefined) return { kind: 'refused', message: refusal };

  const maker = new InstanceMaker(options);
  for (const dir of [
    layout.home,
    layout.client.dir,
    layout.instance.dir,
    layout.dispatcher.dir,
    layout.worker.dir,
  ]) {
    await makePrivateDirectory(dir);
  }
  // All at once: the thread pool uses every core.
  const keys = await Promise.all(
    found.holders.map(({ hasKey, hasCertificate, holder }) => {
      if (hasKey) return readPrivateFile(holder.key).then((key) => key.reveal());
      return hasCertificate ? undefined : newPrivateKey();
    }),
  );
  const pairs = new Map<string, Pair>();
  for (const [at, { holder, hasKey, hasCertificate }] of found.holders.entries()) {
    const key = keys[at];
    const certificate = hasCertificate
      ? await readPublicFile(holder.certificate)
      : maker.issue(holder, key!, issuerOf(holder, pairs));
    if (!hasKey && key !== undefined) await maker.write(holder.key, key);
    if (!hasCertificate) await maker.write(holder.certificate, certificate);
    pairs.set(holder.what, { certificate, key });
  }
  for (const file of found.files) if (!file.exists) await maker.write(file.path, file.content(pairs));

  const keyId = (what: string) => certificateKeyId(pairs.get(what)!.certificate);
  const fingerprints = {
    linkRoot: keyId('link root'),
    sealingRoot: keyId('sealing root'),
    dispatcher: keyId('dispatcher'),
    worker: keyId('worker'),
    workerSealing: keyId('worker sealing'),
  };
  return { kind: maker.written === 0 ? 'left-alone' : found.anything ? 'completed' : 'made', fingerprints };
}

function issuerOf({ issuer }: Holder, pairs: ReadonlyMap<string, Pair>): Issuer | undefined {
  if (issuer === 'self') return undefined;
  const { certificate, key } = pairs.get(`${issuer} root`)!;
  return { certificate, privateKey: key! };
}

interface Survey {
  anything: boolean;
  holders: { holder: Holder; hasKey: boolean; hasCertificate: boolean }[];
  files: { path: string; exists: boolean; content: (pairs: ReadonlyMap<string, Pair>) => string }[];
}

async function survey(layout: HomeLayout, options: InstanceOptions): Promise<Survey> {
  const holders = await Promise.all(
    holdersOf(layout, options).map(async (holder) => ({
      holder,
      hasKey: await fileExists(holder.key),
      hasCertificate: await fileExists(holder.certificate),
    })),
  );
  const dispatcherName = options.dispatcherName ?? 'dispatcher-1';
  const workerName = options.workerName ?? 'worker-1';
  const files = await Promise.all(
    [
      { path: layout.client.token, content: () => `${newToken(options).reveal()}\n` },
      {
        path: layout.client.profile,
        content: (pairs: ReadonlyMap<string, Pair>) =>
          clientProfileText({
            version: 1,
            url: 'https://127.0.0.1:7646',
            linkRoot: pairs.get('link root')!.certificate,
            sealingRoot: pairs.get('sealing root')!.certificate,
          }),
      },
      {
        path: layout.dispatcher.config,
        content: () => dispatcherConfigurationText(layout, { name: dispatcherName }),
      },
      { path: layout.worker.config, content: () => workerConfigurationText(layout, { name: workerName }) },
    ].map(async (file) => ({ ...file, exists: await fileExists(file.path) })),
  );
  const anything =
    holders.some(({ hasKey, hasCertificate }) => hasKey || hasCertificate) ||
    files.some(({ exists }) => exists);
  return { anything, holders, files };
}

function holdersOf({ instance, dispatcher, worker }: HomeLayout, options: InstanceOptions): Holder[] {
  const dispatcherName = options.dispatcherName ?? 'dispatcher-1';
  const workerName = options.workerName ?? 'worker-1';
  return [
    {
      what: 'link root',
      role: 'root',
      name: 'Pogo link root',
      key: instance.linkRootKey,
      certificate: instance.linkRootCertificate,
      issuer: 'self',
    },
    {
      what: 'sealing root',
      role: 'root',
      name: 'Pogo sealing root',
      key: instance.sealingRootKey,
      certificate: instance.sealingRootCertificate,
      issuer: 'self',
    },
    {
      what: 'dispatcher',
      role: 'dispatcher',
      name: dispatcherName,
      key: dispatcher.linkKey,
      certificate: dispatcher.linkCertificate,
      issuer: 'link',
      hosts: { dns: [dispatcherName, 'localhost'], addresses: ['127.0.0.1', '::1'] },
    },
    {
      what: 'worker',
      role: 'worker',
      name: workerName,
      key: worker.linkKey,
      certificate: worker.linkCertificate,
      issuer: 'link',
    },
    {
      what: 'worker sealing',
      role: 'sealing',
      name: workerName,
      key: worker.sealingKey,
      certificate: worker.sealingCertificate,
      issuer: 'sealing',
    },
  ];
}

/** Invariant 2. */
function refusalOf({ holders }: Survey): string | undefined {
  const roots = { link: holders[0]!, sealing: holders[1]! };
  for (const { holder, hasKey, hasCertificate } of holders) {
    if (holder.issuer === 'self') {
      // The key of a root may be kept elsewhere; its certificate may not be missing where its key is in use.
      const issued = holders.some(
        (other) =>
          other.holder.issuer !== 'self' &&
          roots[other.holder.issuer].holder === holder &&
          other.hasCertificate,
      );
      if (!hasCertificate && issued) {
        return `${holder.certificate} is missing, but certificates that it has issued are there: restore it from a backup, or move this home away and make a new instance`;
      }
      continue;
    }
    const root = roots[holder.issuer];
    if (hasCertificate && !hasKey) {
      return `${holder.key} is missing, the private key of ${holder.certificate}: restore it from a backup, or remove the certificate to have a new one issued`;
    }
    if (!hasCertificate && root.hasCertificate && !root.hasKey) {
      return `${holder.certificate} has to be issued, but the key of its root, ${root.holder.key}, is not here: bring it back for this command`;
    }
  }
  return undefined;
}

/** 256 random bits; the prefix lets scanners for leaked secrets find it. */
function newToken(options: InstanceOptions): Secret {
  return new Secret(`pogo_${Buffer.from(options.randomBytes(32)).toString('base64url')}`);
}
