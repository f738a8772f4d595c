/**
 * Gives up workers that stay away: their unfinished hosts become `unknown`, and evidence may still replace that later (E2);
 * hosts that they were to ask stay as they are. Being silent is not a refusal, however long it lasts (A3).
 */
import {
  assignedAttempts,
  awaitedWorkers,
  type ClusterState,
  decideUnanswered,
  decideWorkerLoss,
} from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { Logger } from 'pino';
import type { Leader } from '../leader/leader.js';

export interface WorkerLossOptions {
  leader: Leader;
  clock: Clock;
  logger: Logger;
  /** How long a worker may be away, in milliseconds. */
  lostAfterMs: number;
  isConnected: (worker: string) => boolean;
}

/** Attempts given up in one decision, so that nobody waits for long behind it. */
const chunk = 1000;

export class WorkerLoss {
  readonly #options: WorkerLossOptions;
  readonly #timers = new Map<string, Timer>();
  #stopped = false;

  constructor(options: WorkerLossOptions) {
    this.#options = options;
  }

  /** It is away from now on; asking again starts the wait anew. */
  left(worker: string): void {
    if (this.#stopped) return;
    const { clock, lostAfterMs, logger } = this.#options;
    this.#timers.get(worker)?.cancel();
    const timer = clock.setTimer(lostAfterMs, () => {
      this.#timers.delete(worker);
      this.#giveUp(worker).catch((error: unknown) =>
        logger.error({ err: error, worker }, 'a lost worker was not settled'),
      );
    });
    this.#timers.set(worker, timer);
  }

  /** Every worker that the log names and that isn't here. */
  noteAbsent(state: ClusterState): void {
    for (const worker of awaitedWorkers(state)) {
      if (!this.#options.isConnected(worker)) this.left(worker);
    }
  }

  /** It is back. */
  returned(worker: string): void {
    this.#timers.get(worker)?.cancel();
    this.#timers.delete(worker);
  }

  stop(): void {
    this.#stopped = true;
    for (const worker of [...this.#timers.keys()]) this.returned(worker);
  }

  async #giveUp(worker: string): Promise<void> {
    const { leader, logger, lostAfterMs, isConnected } = this.#options;
    const message = `worker ${worker} has been away for ${Math.round(lostAfterMs / 1000)} s`;
    for (let more = true; more;) {
      const outcome = await leader.command((state) => {
        if (isConnected(worker)) return { entries: [], answer: 0 };
        const attempts = assignedAttempts(state, worker).slice(0, chunk);
        const entries = [...decideWorkerLoss(attempts, message), ...decideUnanswered(state, worker, message)];
        return { entries, answer: attempts.length };
      });
      more = outcome.kind === 'ok' && outcome.answer === chunk;
      if (outcome.kind === 'ok' && outcome.answer > 0) {
        logger.warn({ worker, attempts: outcome.answer }, 'a worker is lost: its hosts are unknown');
      }
    }
  }
}
