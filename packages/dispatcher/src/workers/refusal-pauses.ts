/**
 * Jobs that one worker gets nothing of for a while, because it has refused hosts of theirs: so that the same host doesn't go
 * to and fro. Other jobs go on at that worker, and the job at others (S12). Each refusal in a row makes the pause longer.
 */
import { backoffDelayMs, type Clock, type Timer } from '@pogo/lifecycle';

export interface RefusalPausesOptions {
  clock: Clock;
  random: () => number;
  /** First pause, in milliseconds. */
  firstMs: number;
  /** Called after a pause. */
  over: () => void;
}

/** The longest pause is this many times the first. */
const maxFactor = 30;

export class RefusalPauses {
  readonly #options: RefusalPausesOptions;
  /** How often each job was refused in a row. */
  readonly #refusals = new Map<number, number>();
  readonly #timers = new Map<number, Timer>();
  readonly #paused = new Set<number>();

  constructor(options: RefusalPausesOptions) {
    this.#options = options;
  }

  /** Numbers of the jobs that are paused now. */
  get jobs(): ReadonlySet<number> {
    return this.#paused;
  }

  /** The worker has refused hosts of the job; during a pause that changes nothing. */
  refused(job: number): void {
    if (this.#paused.has(job)) return;
    const { clock, random, firstMs, over } = this.#options;
    const before = this.#refusals.get(job) ?? 0;
    this.#refusals.set(job, before + 1);
    const pauseMs = backoffDelayMs({ firstMs, maxMs: firstMs * maxFactor }, before, random());
    this.#paused.add(job);
    this.#timers.set(
      job,
      clock.setTimer(pauseMs, () => {
        this.#timers.delete(job);
        this.#paused.delete(job);
        over();
      }),
    );
  }

  /** The worker has begun hosts of the job: the next pause is a first one again. */
  begun(job: number): void {
    this.#refusals.delete(job);
  }

  /** The job has ended. */
  forget(job: number): void {
    this.#timers.get(job)?.cancel();
    this.#timers.delete(job);
    this.#paused.delete(job);
    this.#refusals.delete(job);
  }

  /** Forgets all jobs, or those that are meant. */
  clear(isMeant: (job: number) => boolean = () => true): void {
    for (const job of [...this.#refusals.keys(), ...this.#paused]) if (isMeant(job)) this.forget(job);
  }
}
