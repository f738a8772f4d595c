import type { Clock, Timer } from '@pogo/lifecycle';
import type { SealedCredentials } from '@pogo/protocol';
import type { Vault, VaultKey } from './vault.js';

interface Item {
  digest: string;
  credentials: SealedCredentials;
  expiry: Timer;
}

/** The vault of one dispatcher by itself. */
export class MemoryVault implements Vault {
  readonly #clock: Clock;
  readonly #expired: (job: number) => void;
  readonly #items = new Map<number, Item>();

  /** @param options.expired called after a lifetime was over before the job was. */
  constructor(options: { clock: Clock; expired: (job: number) => void }) {
    this.#clock = options.clock;
    this.#expired = options.expired;
  }

  get size(): number {
    return this.#items.size;
  }

  put({ job, digest }: VaultKey, credentials: SealedCredentials, lifetimeMs: number): void {
    this.drop(job);
    // Longer timers overflow in Node; a job that long is over, or asks again.
    const expiry = this.#clock.setTimer(Math.min(lifetimeMs, 0x7fffffff), () => {
      this.#items.delete(job);
      this.#expired(job);
    });
    this.#items.set(job, { digest, credentials, expiry });
  }

  get({ job, digest }: VaultKey): SealedCredentials | undefined {
    const item = this.#items.get(job);
    return item?.digest === digest ? item.credentials : undefined;
  }

  drop(job: number): void {
    this.#items.get(job)?.expiry.cancel();
    this.#items.delete(job);
  }

  retain(isWanted: (key: VaultKey, credentials: SealedCredentials) => boolean): void {
    for (const [job, { digest, credentials }] of [...this.#items]) {
      if (!isWanted({ job, digest }, credentials)) this.drop(job);
    }
  }

  close(): void {
    for (const job of [...this.#items.keys()]) this.drop(job);
  }
}
