/**
 * Removes attachments that no open or listed job refers to any more, and parts of uploads that nobody went on with. Both
 * stay for a day after they were last touched, so that a job can be submitted behind its upload. In doubt nothing goes. Every
 * dispatcher does so for itself, whoever leads: copies for others are among them.
 */
import type { Clock } from '@pogo/lifecycle';
import type { Logger } from 'pino';
import type { Archive } from '../jobs/archive.js';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import { LeadersRounds } from '../leader/leaders-rounds.js';
import type { AttachmentStore } from './attachment-store.js';

/** A namespace's jobs. */
export interface Referring {
  leader: Leader;
  archive: Archive;
  specs: Specs;
}

export interface AttachmentSweeperOptions {
  store: AttachmentStore;
  /** What jobs that refer to attachments belong to; undefined when it isn't known which there are. */
  referring: () => readonly Referring[] | undefined;
  clock: Clock;
  logger: Logger;
  /** Time between two rounds, in milliseconds. */
  everyMs: number;
  /** How long an attachment stays after it was last touched, in milliseconds. */
  keptMs: number;
}

export class AttachmentSweeper implements LogObserver {
  readonly #options: AttachmentSweeperOptions;
  readonly #rounds: LeadersRounds;
  /** By job, what its spec refers to: specs never change. */
  readonly #references = new Map<number, string | undefined>();

  constructor(options: AttachmentSweeperOptions) {
    this.#options = options;
    const { clock, everyMs, logger } = options;
    this.#rounds = new LeadersRounds({
      clock,
      everyMs,
      round: () => this.#sweep(),
      failed: (error) => logger.error({ err: error }, 'old attachments could not be removed'),
    });
  }

  taken(): void {
    this.#rounds.taken();
  }

  lost(): void {
    this.#rounds.lost();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #sweep(): Promise<void> {
    const { store, clock, keptMs, logger } = this.#options;
    const before = clock.wallMs() - keptMs;
    const old = await store.untouchedSince(before);
    if (old.length === 0) return;
    const referred = old.some(({ complete }) => complete) ? await this.#referred() : new Set<string>();
    if (referred === undefined) return;
    for (const { sha256, complete } of old) {
      if (this.#rounds.stopped) return;
      if (complete && referred.has(sha256)) continue;
      await store.remove(sha256, complete, before);
      logger.info({ sha256, complete }, 'an attachment that no job refers to was removed');
    }
  }

  /** Undefined when that can't be told just now. */
  async #referred(): Promise<Set<string> | undefined> {
    const referring = this.#options.referring();
    if (referring === undefined) return undefined;
    const referred = new Set<string>();
    const known = new Set<number>();
    for (const { leader, archive, specs } of referring) {
      const live = await leader.view(
        (state) => new Map([...state.jobs.values()].map(({ job, accepted }) => [job, accepted.specRef])),
      );
      if (live.kind === 'lost') return undefined;
      for (const job of [...live.answer.keys(), ...(await archive.list())]) {
        known.add(job);
        if (!this.#references.has(job)) {
          const specRef = live.answer.get(job) ?? (await archive.get(job))?.specRef;
          if (specRef === undefined) continue;
          const { command } = await specs.get(specRef);
          this.#references.set(job, command.kind === 'script' ? command.sha256 : undefined);
        }
        const sha256 = this.#references.get(job);
        if (sha256 !== undefined) referred.add(sha256);
      }
    }
    for (const job of this.#references.keys()) if (!known.has(job)) this.#references.delete(job);
    return referred;
  }
}
