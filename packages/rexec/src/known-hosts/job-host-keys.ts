/**
 * Which host keys count for the hosts of one job (security.md, "Host keys"): what the client sealed, else what lies in
 * the worker's file.
 *
 * 1. `strict` takes a known key only; `accept-new` takes any key of a host for which no key at all is known.
 * 2. A host with known keys that shows another one is refused, under either policy, and so is a revoked key.
 * 3. Only keys from the seal, and those in the worker's file that `accept-new` didn't write, are vouched for: passwords
 *    go nowhere else.
 */
import { hostKey, resolveTargets } from '@pogo/core';
import {
  keyFingerprint,
  type KnownHosts,
  type PublicKeyText,
  publicKeyText,
  type ResolvedSpec,
} from '@pogo/protocol';

export type HostKeyVerdict =
  /** `vouchedFor`: see rule 3. `isNew`: to be recorded once the host has proved that it holds the key. */
  | { readonly kind: 'accepted'; readonly vouchedFor: boolean; readonly isNew: boolean }
  | { readonly kind: 'unknown' | 'changed' | 'revoked' };

/** What is known of one host; built when it is dialled. */
export interface KnownKeys {
  readonly vouched: ReadonlySet<PublicKeyText>;
  readonly firstSight: ReadonlySet<PublicKeyText>;
  readonly revoked: ReadonlySet<PublicKeyText>;
}

export type JobHostKeysOutcome =
  | { readonly ok: true; readonly hostKeys: JobHostKeys }
  /** The seal has an expression that can't be read. */
  | { readonly ok: false; readonly message: string };

export class JobHostKeys {
  readonly #policy: ResolvedSpec['hostKeys']['policy'];
  /** By canonical host and port. */
  readonly #sealed: ReadonlyMap<string, readonly PublicKeyText[]>;
  readonly #workerFile: KnownHosts;

  private constructor(
    policy: ResolvedSpec['hostKeys']['policy'],
    sealed: ReadonlyMap<string, readonly PublicKeyText[]>,
    workerFile: KnownHosts,
  ) {
    this.#policy = policy;
    this.#sealed = sealed;
    this.#workerFile = workerFile;
  }

  /** Expands the sealed groups once for all hosts. A group's host without a port means the job's own port. */
  static index(spec: ResolvedSpec, workerFile: KnownHosts): JobHostKeysOutcome {
    const sealed = new Map<string, readonly PublicKeyText[]>();
    for (const { hosts, keys } of spec.hostKeys.known) {
      const expanded = resolveTargets(hosts);
      if (!expanded.ok) return { ok: false, message: expanded.error.code };
      for (const { host, port } of expanded.targets) {
        const name = nameOf(host, port ?? spec.port);
        const before = sealed.get(name);
        sealed.set(name, before === undefined ? keys : [...before, ...keys]);
      }
    }
    return { ok: true, hostKeys: new JobHostKeys(spec.hostKeys.policy, sealed, workerFile) };
  }

  of(host: string, port: number): KnownKeys {
    const sealed = this.#sealed.get(nameOf(host, port)) ?? [];
    const file = this.#workerFile.lookup(host, port);
    const vouched = new Set(sealed);
    const firstSight = new Set<PublicKeyText>();
    if (sealed.length === 0) {
      for (const { key, firstSightOnly } of file.keys) (firstSightOnly ? firstSight : vouched).add(key);
    }
    return { vouched, firstSight, revoked: new Set(file.revoked) };
  }

  judge(known: KnownKeys, blob: Buffer): HostKeyVerdict {
    const key = publicKeyText(blob);
    if (key === undefined || known.revoked.has(key)) return { kind: 'revoked' };
    if (known.vouched.has(key)) return { kind: 'accepted', vouchedFor: true, isNew: false };
    if (known.firstSight.has(key)) return { kind: 'accepted', vouchedFor: false, isNew: false };
    if (known.vouched.size + known.firstSight.size > 0) return { kind: 'changed' };
    if (this.#policy === 'accept-new') return { kind: 'accepted', vouchedFor: false, isNew: true };
    return { kind: 'unknown' };
  }
}

/** Types of the keys that are known, for the transport to ask for. */
export function knownKeyTypes(known: KnownKeys): string[] {
  const keys = [...known.vouched, ...known.firstSight];
  return [...new Set(keys.map((key) => key.slice(0, key.indexOf(' '))))];
}

/** Fingerprints with types, for messages. */
export function knownFingerprints(known: KnownKeys): string {
  return [...known.vouched, ...known.firstSight].map((key) => describeKey(key)).join(', ');
}

/** `ssh-ed25519 SHA256:…` */
export function describeKey(key: PublicKeyText | Buffer): string {
  const text = typeof key === 'string' ? key : publicKeyText(key);
  return `${text?.split(' ')[0] ?? 'unreadable'} ${keyFingerprint(key)}`;
}

function nameOf(host: string, port: number): string {
  return `${hostKey(host)} ${port}`;
}
