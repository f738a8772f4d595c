import ssh2, { type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import type { IdentityKey, KeyAgent } from '../../identities/key-agent.js';

/** Gives ssh2 the job's keys: parsed once for all hosts, signing inside this process. */
export class Ssh2Agent extends ssh2.BaseAgent<ParsedKey> {
  readonly #keys = new Map<ParsedKey, IdentityKey>();

  constructor(agent: KeyAgent) {
    super();
    for (const key of agent.keys) {
      const parsed = ssh2.utils.parseKey(key.publicKey);
      if (!(parsed instanceof Error)) this.#keys.set(parsed, key);
    }
  }

  override getIdentities(callback: (error: Error | null | undefined, keys?: ParsedKey[]) => void): void {
    callback(null, [...this.#keys.keys()]);
  }

  override sign(
    publicKey: ParsedKey | Buffer | string,
    data: Buffer,
    optionsOrCallback: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    const [options, done] =
      typeof optionsOrCallback === 'function' ? [{}, optionsOrCallback] : [optionsOrCallback, callback];
    const key = this.#keys.get(publicKey as ParsedKey);
    const hash = options.hash;
    if (key === undefined) done?.(new Error('no such key'));
    else if (hash === 'sha1') done?.(new Error('the host supports only SHA-1 signatures for this key'));
    else done?.(null, key.sign(data, hash === 'sha256' || hash === 'sha512' ? hash : undefined));
  }
}
