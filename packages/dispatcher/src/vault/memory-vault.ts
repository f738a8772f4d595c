import type { Clock, Timer } from '@pogo/lifecycle';
import type { SealedCredentials } from '@pogo/protocol';
import type { HeldCredentials, Vault, VaultKey } from './vault.js';

interface Item {
  digest: string;
  credentials: SealedCredentials;
  atMs: number | undefined;
  expiry: Timer;
  /** On the monotonic clock. */
  expiresAtMs: number;
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

  put({ job, digest }: VaultKey, credentials: SealedCredentials, lifetimeMs: number, atMs?: number): void {
    this.drop(job);
    // Longer timers overflow in Node; a job that long is over, or asks again.
    const leftMs = Math.min(lifetimeMs, 0x7fffffff);
    const expiry = this.#clock.setTimer(leftMs, () => {
      this.#items.delete(job);
      this.#expired(job);
    });
    const expiresAtMs = this.#clock.monotonicMs() + leftMs;
    this.#items.set(job, { digest, credentials, atMs, expiry, expiresAtMs });
  }

  get(key: VaultKey): SealedCredentials | undefined {
    return this.#item(key)?.credentials;
  }

  find(key: VaultKey): HeldCredentials | undefined {
    const item = this.#item(key);
    return item && this.#held(item);
  }

  mark(key: VaultKey, atMs: number): void {
    const item = this.#item(key);
    if (item !== undefined) item.atMs = atMs;
  }

  drop(job: number): void {
    this.#items.get(job)?.expiry.cancel();
    this.#items.delete(job);
  }

  retain(isWanted: (key: VaultKey, held: HeldCredentials) => boolean): void {
    for (const [job, item] of [...this.#items]) {
      if (!isWanted({ job, digest: item.digest }, this.#held(item))) this.drop(job);
    }
  }

  close(): void {
    for (const job of [...this.#items.keys()]) this.drop(job);
  }

  #item({ job, digest }: VaultKey): Item | undefined {
    const item = this.#items.get(job);
    return item?.digest === digest ? item : undefined;
  }

  #held({ credentials, atMs, expiresAtMs }: Item): HeldCredentials {
    return { credentials, atMs, leftMs: Math.max(0, expiresAtMs - this.#clock.monotonicMs()) };
  }
}
