/**
 * How many SSH connections may be open at once, over all jobs, and how many of them not yet authenticated.
 *
 * 1. Never more than `maxConnections` slots are held, nor more than `maxHandshakes` of them dialling.
 * 2. A free slot goes to the job that holds fewest and wants one: no job waits for another's end.
 * 3. Slots that come free in one turn are given out together, so that what begins, begins in batches.
 */
export interface Claimant {
  /** How many more it could use now. */
  wants(): number;
  /** Gets this many slots, all of them dialling. */
  grant(slots: number): void;
}

interface Account {
  claimant: Claimant;
  held: number;
}

export class ConnectionSlots {
  readonly #maxConnections: number;
  readonly #maxHandshakes: number;
  readonly #accounts = new Map<Claimant, Account>();
  #held = 0;
  #dialling = 0;
  #scheduled = false;

  constructor(options: { maxConnections: number; maxHandshakes: number }) {
    this.#maxConnections = options.maxConnections;
    this.#maxHandshakes = options.maxHandshakes;
  }

  get held(): number {
    return this.#held;
  }

  /** Of these, how many have not authenticated yet. */
  get dialling(): number {
    return this.#dialling;
  }

  join(claimant: Claimant): void {
    this.#accounts.set(claimant, { claimant, held: 0 });
  }

  /** Takes back whatever it still holds; `dialling` of these had not authenticated. */
  leave(claimant: Claimant, dialling: number): void {
    const account = this.#accounts.get(claimant);
    if (account === undefined) return;
    this.#accounts.delete(claimant);
    this.#held -= account.held;
    this.#dialling -= dialling;
    this.distribute();
  }

  authenticated(): void {
    this.#dialling--;
    this.distribute();
  }

  release(claimant: Claimant, options: { dialling: boolean }): void {
    const account = this.#accounts.get(claimant);
    if (account === undefined) return;
    account.held--;
    this.#held--;
    if (options.dialling) this.#dialling--;
    this.distribute();
  }

  /** Gives out what is free, after this turn (3). Called by a claimant that has begun to want more. */
  distribute(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#distributeNow();
    });
  }

  #distributeNow(): void {
    let free = Math.min(this.#maxConnections - this.#held, this.#maxHandshakes - this.#dialling);
    const wanting: { account: Account; wants: number; granted: number }[] = [];
    for (const account of free > 0 ? this.#accounts.values() : []) {
      const wants = account.claimant.wants();
      if (wants > 0) wanting.push({ account, wants, granted: 0 });
    }
    for (; free > 0 && wanting.length > 0; free--) {
      let poorest = wanting[0]!;
      for (const other of wanting) if (other.account.held < poorest.account.held) poorest = other;
      poorest.account.held++;
      poorest.granted++;
      this.#held++;
      this.#dialling++;
      if (poorest.granted === poorest.wants) grantAndRemove(wanting, poorest);
    }
    for (const { account, granted } of wanting) if (granted > 0) account.claimant.grant(granted);
  }
}

function grantAndRemove<T extends { account: Account; granted: number }>(wanting: T[], done: T): void {
  wanting.splice(wanting.indexOf(done), 1);
  done.account.claimant.grant(done.granted);
}
