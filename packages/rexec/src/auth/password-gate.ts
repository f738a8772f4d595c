/**
 * Care with a password that may be wrong, or mistyped: it must not lock the account on a directory server
 * (security.md, "Passwords are tried with care").
 *
 * 1. Until one host has accepted it, at most one host at a time is asked.
 * 2. After three refusals without an acceptance nobody is asked any more. An attempt that ends without an answer
 *    counts as a refusal: it may be in the host's log as one.
 * 3. Once accepted, everybody is asked; a refusal then is that host's own affair.
 * 4. Until then few hosts stand connected and wait for their turn: hosts limit the number and the time of connections
 *    that aren't logged in. Each needs a lane; whoever gets none hangs up, or doesn't dial.
 */

/** Hosts that may be connected for the password's sake before it is proven, the one that is asked included. */
export const lanesUntilProven = 4;
const refusalsAllowed = 3;

/** Leave to be connected and wait for one's turn; released when the login is over, whichever way. */
export interface Lane {
  release(): void;
}

/** Ask the host now. Exactly one of these must follow. */
export interface PasswordTicket {
  accepted(): void;
  /** Refused, or no answer came. */
  refused(): void;
  /** It was never sent. */
  unused(): void;
}

export type Admission =
  | { readonly kind: 'try'; readonly ticket: PasswordTicket }
  /** Don't ask: others refused it. */
  | { readonly kind: 'withheld' };

export class PasswordGate {
  readonly #onStopped: () => void;
  #state: 'unproven' | 'proven' | 'stopped' = 'unproven';
  #asking = false;
  #refusals = 0;
  #lanesTaken = 0;
  readonly #waitingForTurn = new Set<(admission: Admission) => void>();
  readonly #waitingForLane = new Set<(lane: Lane) => void>();

  /** `onStopped` is called once, after the third refusal without an acceptance. */
  constructor(options: { onStopped: () => void }) {
    this.#onStopped = options.onStopped;
  }

  get state(): 'unproven' | 'proven' | 'stopped' {
    return this.#state;
  }

  /** A lane, if one is free. There is always one once the gate is decided. */
  takeLane(): Lane | undefined {
    if (this.#state === 'unproven' && this.#lanesTaken >= lanesUntilProven) return undefined;
    this.#lanesTaken++;
    let taken = true;
    return {
      release: () => {
        if (!taken) return;
        taken = false;
        this.#lanesTaken--;
        this.#giveLanes();
      },
    };
  }

  /** A lane, when one is free; undefined when the signal aborts first. */
  waitForLane(signal: AbortSignal): Promise<Lane | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const lane = this.takeLane();
    if (lane !== undefined) return Promise.resolve(lane);
    return new Promise((resolve) => {
      const leave = () => {
        this.#waitingForLane.delete(take);
        resolve(undefined);
      };
      const take = (given: Lane) => {
        signal.removeEventListener('abort', leave);
        this.#waitingForLane.delete(take);
        resolve(given);
      };
      this.#waitingForLane.add(take);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Asks for one's turn. An abort takes the request back: its promise then stays open. */
  admit(signal: AbortSignal): Admission | Promise<Admission> {
    if (this.#state === 'stopped') return { kind: 'withheld' };
    if (this.#state === 'proven' || !this.#asking) return { kind: 'try', ticket: this.#ticket() };
    return new Promise((resolve) => {
      const leave = () => this.#waitingForTurn.delete(admit);
      const admit = (admission: Admission) => {
        signal.removeEventListener('abort', leave);
        this.#waitingForTurn.delete(admit);
        resolve(admission);
      };
      this.#waitingForTurn.add(admit);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #ticket(): PasswordTicket {
    this.#asking = true;
    let open = true;
    const once = (then: () => void) => () => {
      if (!open) return;
      open = false;
      if (this.#state === 'unproven') then();
    };
    return {
      accepted: once(() => this.#become('proven')),
      refused: once(() => {
        this.#asking = false;
        if (++this.#refusals >= refusalsAllowed) this.#become('stopped');
        else this.#admitNext();
      }),
      unused: once(() => {
        this.#asking = false;
        this.#admitNext();
      }),
    };
  }

  #admitNext(): void {
    const [next] = this.#waitingForTurn;
    next?.({ kind: 'try', ticket: this.#ticket() });
  }

  #become(state: 'proven' | 'stopped'): void {
    this.#state = state;
    for (const admit of [...this.#waitingForTurn]) {
      admit(state === 'proven' ? { kind: 'try', ticket: this.#ticket() } : { kind: 'withheld' });
    }
    this.#giveLanes();
    if (state === 'stopped') this.#onStopped();
  }

  #giveLanes(): void {
    for (const take of [...this.#waitingForLane]) {
      const lane = this.takeLane();
      if (lane === undefined) return;
      take(lane);
    }
  }
}
