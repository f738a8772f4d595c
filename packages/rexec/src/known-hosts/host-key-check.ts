import { publicKeyText } from '@pogo/protocol';
import {
  describeKey,
  type HostKeyVerdict,
  type JobHostKeys,
  type KnownKeys,
  knownFingerprints,
  knownKeyTypes,
} from './job-host-keys.js';

/** The check of one host's key, over all connections of one attempt. */
export class HostKeyCheck {
  readonly knownTypes: readonly string[];
  readonly #hostKeys: JobHostKeys;
  readonly #known: KnownKeys;
  #shown: Buffer | undefined;
  #verdict: HostKeyVerdict | undefined;

  constructor(hostKeys: JobHostKeys, target: { host: string; port: number }) {
    this.#hostKeys = hostKeys;
    this.#known = hostKeys.of(target.host, target.port);
    this.knownTypes = knownKeyTypes(this.#known);
  }

  /** Undefined until the host has shown a key. */
  get verdict(): HostKeyVerdict | undefined {
    return this.#verdict;
  }

  get vouchedFor(): boolean {
    return this.#verdict?.kind === 'accepted' && this.#verdict.vouchedFor;
  }

  /** The key to record for `accept-new`, as `type base64`; only once the host has proved that it holds it. */
  get newKey(): string | undefined {
    if (this.#verdict?.kind !== 'accepted' || !this.#verdict.isNew) return undefined;
    return publicKeyText(this.#shown!);
  }

  verify(key: Buffer): boolean {
    // A key that is new may not change from one key exchange to the next.
    if (this.#shown !== undefined && !this.#shown.equals(key) && this.newKey !== undefined) {
      this.#verdict = { kind: 'changed' };
    } else {
      this.#verdict = this.#hostKeys.judge(this.#known, key);
    }
    // ssh2 gives a view into its buffer.
    this.#shown = Buffer.from(key);
    return this.#verdict.kind === 'accepted';
  }

  /** `ssh-ed25519 SHA256:…` of what the host showed. */
  get shown(): string {
    return this.#shown === undefined ? 'none' : describeKey(this.#shown);
  }

  get known(): string {
    return knownFingerprints(this.#known);
  }
}
