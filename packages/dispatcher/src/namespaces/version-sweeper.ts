/**
 * Deletes stored files of the namespace that no version needs any more: those of versions that are kept no longer, and of
 * requests that came to nothing.
 *
 * 1. What the log holds has its documents: a version goes only once the log's entries begin after it was replaced.
 * 2. What nobody refers to goes in the second round that finds it so: a request may just be writing it.
 */
import type { Clock } from '@pogo/lifecycle';
import type { Logger } from 'pino';
import type { Leader, LogObserver } from '../leader/leader.js';
import { LeadersRounds } from '../leader/leaders-rounds.js';
import type { NamespaceDocuments } from './namespace-documents.js';

export interface VersionSweeperOptions {
  leader: Leader;
  namespaces: NamespaceDocuments;
  clock: Clock;
  logger: Logger;
  /** Time between two rounds, in milliseconds: longer than any request takes. */
  everyMs: number;
}

export class VersionSweeper implements LogObserver {
  readonly #options: VersionSweeperOptions;
  readonly #rounds: LeadersRounds;
  #unneeded: ReadonlySet<string> = new Set();

  constructor(options: VersionSweeperOptions) {
    this.#options = options;
    const { clock, everyMs, logger } = options;
    this.#rounds = new LeadersRounds({
      clock,
      everyMs,
      round: () => this.sweep(),
      failed: (error) => logger.error({ err: error }, 'old versions of the namespace could not be deleted'),
    });
  }

  taken(): void {
    this.#rounds.taken();
  }

  lost(): void {
    this.#rounds.lost();
    this.#unneeded = new Set();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  /** One round. */
  async sweep(): Promise<void> {
    const { leader, namespaces } = this.#options;
    const folders = await namespaces.folders();
    const { floor } = await leader.log.pointer();
    const found = await leader.read(({ constraints }) => constraints.versions);
    if (found.kind === 'lost') return;
    const kept = found.answer;
    // The kept ones follow each other: if one was applied before the log begins, every entry of the log is about these.
    const oldest = kept[0];
    if (oldest !== undefined && oldest.version > 1 && oldest.index >= floor) return;
    const needed = new Set(kept.map(({ ref }) => ref.slice(0, ref.lastIndexOf('/') + 1)));
    const unneeded = [...folders.keys()].filter((folder) => !needed.has(folder));
    for (const folder of unneeded) {
      if (this.#rounds.stopped) return;
      if (this.#unneeded.has(folder)) await namespaces.delete(folders.get(folder)!);
    }
    this.#unneeded = new Set(unneeded);
  }
}
