/** What really happened on the hosts, attempt by attempt: the checker's ground truth. */
import { type AttemptName, type CommandEnd, nameOf } from '../hosts/simulated-host.js';

export interface AttemptFacts {
  worker: string;
  end: CommandEnd | undefined;
}

export class Facts {
  readonly #begun = new Map<string, AttemptFacts>();
  readonly #newest = new Map<string, number>();
  /** Attempts whose command lives now, by job. */
  readonly #live = new Map<number, AttemptName[]>();
  /** The same by host of the fleet. */
  readonly #liveOn = new Map<string, readonly AttemptName[]>();

  /** Undefined: its command never began. */
  of(attempt: AttemptName): AttemptFacts | undefined {
    return this.#begun.get(nameOf(attempt));
  }

  /** The latest attempt on that host of the job whose command began. */
  newestAttempt(job: number, host: number): number {
    return this.#newest.get(`${job}/${host}`) ?? 0;
  }

  live(job: number): readonly AttemptName[] {
    return this.#live.get(job) ?? [];
  }

  get begunCount(): number {
    return this.#begun.size;
  }

  /** Attempts of all jobs whose command lives now on a host of the fleet. */
  liveOn(host: string): readonly AttemptName[] {
    return this.#liveOn.get(host) ?? [];
  }

  began(attempt: AttemptName, on: { host: string; worker: string }): void {
    const { host, worker } = on;
    this.#begun.set(nameOf(attempt), { worker, end: undefined });
    const place = `${attempt.job}/${attempt.host}`;
    this.#newest.set(place, Math.max(attempt.attempt, this.#newest.get(place) ?? 0));
    this.#live.set(attempt.job, [...this.live(attempt.job), attempt]);
    this.#liveOn.set(host, [...this.liveOn(host), attempt]);
  }

  ended(attempt: AttemptName, end: CommandEnd): void {
    const facts = this.#begun.get(nameOf(attempt));
    if (facts !== undefined) facts.end = end;
    const name = nameOf(attempt);
    this.#live.set(
      attempt.job,
      this.live(attempt.job).filter((other) => nameOf(other) !== name),
    );
    for (const [host, live] of this.#liveOn) {
      if (live.some((other) => nameOf(other) === name))
        this.#liveOn.set(
          host,
          live.filter((other) => nameOf(other) !== name),
        );
    }
  }
}
