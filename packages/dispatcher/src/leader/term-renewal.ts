/**
 * Has the leader take its term anew from time to time, as a successor would, so that workers may forget.
 *
 * A worker has to know every acknowledged attempt until an order of a later term than the acknowledging one has come
 * (A4). A dispatcher that leads for months would have it remember them all.
 *
 * 1. The log gets one entry a round, and none while no report is acknowledged: who has nothing to do writes nothing.
 * 2. Orders decided before it go out under the earlier term, and before those that were decided after it: none is refused.
 */
import type { ClusterState, FoldedBatch, LogEntry } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { Logger } from 'pino';
import type { Leader, LogObserver } from './leader.js';
import { LeadersRounds } from './leaders-rounds.js';

export interface TermRenewalOptions {
  /** Name of this dispatcher: the writer in the log. */
  name: string;
  leader: Leader;
  clock: Clock;
  logger: Logger;
  everyMs: number;
}

/** What is appended for a worker's final report, and lets the worker settle its attempt. */
const settling: ReadonlySet<LogEntry['type']> = new Set<LogEntry['type']>([
  'host-finished',
  'hosts-refused',
  'unknown-confirmed',
  'earlier-settled',
]);

export class TermRenewal implements LogObserver {
  readonly #options: TermRenewalOptions;
  readonly #rounds: LeadersRounds;
  #somethingSettled = false;

  constructor(options: TermRenewalOptions) {
    this.#options = options;
    const { clock, everyMs, logger } = options;
    this.#rounds = new LeadersRounds({
      clock,
      everyMs,
      round: () => this.#renew(),
      failed: (error) => logger.error({ err: error }, 'the term could not be renewed'),
    });
  }

  taken(): void {
    this.#somethingSettled = false;
    this.#rounds.taken();
  }

  appended({ entries }: FoldedBatch): void {
    this.#somethingSettled ||= entries.some(({ type }) => settling.has(type));
  }

  lost(): void {
    this.#rounds.lost();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #renew(): Promise<void> {
    if (!this.#somethingSettled) return;
    const { leader, name, logger } = this.#options;
    this.#somethingSettled = false;
    const renewed = await leader.command((state: ClusterState) => ({
      entries: [{ type: 'leadership-taken', dispatcher: name }],
      answer: state.term,
    }));
    if (renewed.kind === 'ok') logger.debug({ earlier: renewed.answer }, 'has taken its term anew');
  }
}
