/**
 * Moves ended jobs out of the live state (L6), and deletes archived ones whose retention is over, with the history that
 * nobody can ask about any more. Works now and then, one
 * job after another; it is never in anyone's way.
 *
 * 1. A job is archived some time after its end; earlier when ended jobs hold very many hosts, oldest first.
 * 2. One with an `unknown` attempt stays for a day: evidence may still come (E2). One whose hosts count in the namespace
 *    stays for as long as they do (E1, S3): what counts is in the live state, and there alone somebody can release it.
 */
import { type ClusterState, isEnded, type JobRecord } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { Logger } from 'pino';
import type { HistorySegments } from '../history/history-segments.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import { LeadersRounds } from '../leader/leaders-rounds.js';
import type { Archive } from './archive.js';
import type { HostLists } from './host-names.js';
import type { Specs } from './specs.js';

export interface JobArchivistOptions {
  leader: Leader;
  archive: Archive;
  specs: Specs;
  hostLists: HostLists;
  segments: HistorySegments;
  clock: Clock;
  logger: Logger;
  /** From a job's end to its archiving, in milliseconds; its idempotency key is remembered that long. */
  archiveAfterMs: number;
  /** Hosts of ended jobs beyond which the oldest are archived at once; what a job takes by itself counts as some more. */
  endedHosts: number;
  /** From a job's end to its deletion, in milliseconds. */
  retentionMs: number;
  /** Time between two rounds, in milliseconds. */
  everyMs: number;
}

const evidenceMs = 86_400_000;
/** What the record of a job takes in memory besides its hosts, in hosts. */
const recordHosts = 10;
/** Rounds between two looks at retention. */
const retentionRounds = 60;

export class JobArchivist implements LogObserver {
  readonly #options: JobArchivistOptions;
  readonly #rounds: LeadersRounds;
  #round = 0;

  constructor(options: JobArchivistOptions) {
    this.#options = options;
    const { clock, everyMs, logger } = options;
    this.#rounds = new LeadersRounds({
      clock,
      everyMs,
      round: () => this.#work(),
      failed: (error) => logger.error({ err: error }, 'archiving failed'),
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

  async #work(): Promise<void> {
    const { leader } = this.#options;
    const due = await leader.read((state) => this.#due(state, leader.nowMs() ?? state.atMs));
    if (due.kind === 'lost') return;
    for (const { job, specRef } of due.answer) {
      if (this.#rounds.stopped) return;
      await this.#archive(job, specRef);
    }
    if (this.#round++ % retentionRounds === 0) await this.#forget();
  }

  #due(state: ClusterState, nowMs: number): { job: number; specRef: string }[] {
    const { archiveAfterMs, endedHosts } = this.#options;
    const ended = [...state.jobs.values()]
      .filter((record) => isEnded(record.state))
      .sort((a, b) => a.endedAtMs! - b.endedAtMs!);
    let hosts = ended.reduce((sum, record) => sum + record.hosts.length + recordHosts, 0);
    const due: JobRecord[] = [];
    for (const record of ended) {
      const ageMs = nowMs - record.endedAtMs!;
      const isUnknown = record.counts.unknown > 0 || record.disturbed > 0;
      if (isUnknown && ageMs < evidenceMs) continue;
      if (record.held.size > 0 || (record.disturbed > 0 && record.placement !== undefined)) continue;
      if (ageMs < archiveAfterMs && hosts <= endedHosts) continue;
      due.push(record);
      hosts -= record.hosts.length + recordHosts;
    }
    return due.map(({ job, accepted }) => ({ job, specRef: accepted.specRef }));
  }

  async #archive(job: number, specRef: string): Promise<void> {
    const { leader, archive, specs, hostLists } = this.#options;
    const hosts = hostLists.of((await specs.get(specRef)).targets);
    const prepared = await leader.read((state) => {
      const record = state.jobs.get(job);
      return record && { lastIndex: record.lastIndex, ...archive.prepare(record, hosts) };
    });
    if (prepared.kind === 'lost' || prepared.answer === undefined) return;
    const { lastIndex, write } = prepared.answer;
    await write();
    await leader.command((state) => {
      // Evidence may have come while it was written: then the next round takes it along.
      const unchanged = state.jobs.get(job)?.lastIndex === lastIndex;
      return { entries: unchanged ? [{ type: 'job-archived', job }] : [], answer: undefined };
    });
  }

  async #forget(): Promise<void> {
    const { leader, archive, segments, retentionMs } = this.#options;
    const nowMs = leader.nowMs();
    // Before the archive is looked at: what is archived meanwhile is among the live ones here.
    const live = await leader.read((state) =>
      [...state.jobs.values()].reduce(
        (oldest, { acceptedIndex }) => Math.min(oldest, acceptedIndex),
        state.nextIndex,
      ),
    );
    if (nowMs === undefined || live.kind === 'lost') return;
    let oldest = live.answer;
    for (const job of await archive.list()) {
      if (this.#rounds.stopped) return;
      const archived = await archive.get(job);
      const endedAtMs = archived?.document.endedAtMs;
      if (archived === undefined || endedAtMs === undefined) continue;
      if (nowMs - endedAtMs < retentionMs) oldest = Math.min(oldest, archived.acceptedIndex);
      else await archive.delete(archived);
    }
    await segments.deleteBefore(oldest);
  }
}
