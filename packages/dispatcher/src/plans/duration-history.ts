/**
 * How long commands took, as the jobs of the past have it: what estimates are made from.
 *
 * 1. Only commands that succeeded count: others ended early, or late, for reasons of their own.
 * 2. Live jobs are asked first, the newest of them; archived ones only where these say nothing. What an archived job says
 *    never changes, so it is read once.
 */
import { type ClusterState, hostKey, type JobRecord } from '@pogo/core';
import type { Leader } from '../leader/leader.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import type { Archive, ArchivedJob } from '../jobs/archive.js';

export interface KnownDurations {
  /** Mean, in whole milliseconds, at least 1. */
  perHostMs: number;
  attempts: number;
  /** Numbers of the jobs that were measured, newest first. */
  jobs: number[];
}

interface Measured {
  job: number;
  attempts: number;
  sumMs: number;
}

/** Jobs that are enough for a mean. */
const enoughJobs = 20;
/** Newest archived jobs that are looked at. */
const archivedJobs = 100;
const readAtOnce = 20;

export class DurationHistory {
  readonly #leader: Pick<Leader, 'view'>;
  readonly #archive: Archive;
  readonly #referred: ReferredDocuments;
  readonly #archived = new Map<number, { title: string; job: ArchivedJob; measured?: Measured }>();

  constructor(options: { leader: Pick<Leader, 'view'>; archive: Archive; referred: ReferredDocuments }) {
    this.#leader = options.leader;
    this.#archive = options.archive;
    this.#referred = options.referred;
  }

  /** Of earlier attempts of the same command; undefined when there are none. */
  async ofCommand(title: string): Promise<KnownDurations | undefined> {
    const live = await this.#leader.view((state) =>
      newestOf(state, ({ accepted }) => accepted.title === title).map((record) => measure(record)),
    );
    const measured = live.kind === 'lost' ? [] : live.answer;
    return meanOf(measured) ?? meanOf(await this.#measureArchived(title));
  }

  /** Of any command on some of these hosts, of live jobs alone; undefined when there are none. */
  async ofHosts(hosts: readonly string[]): Promise<KnownDurations | undefined> {
    const live = await this.#leader.view((state) =>
      newestOf(state, () => true).map(({ job, accepted }) => ({ job, specRef: accepted.specRef })),
    );
    if (live.kind === 'lost') return undefined;
    const wanted = new Set(hosts.map(hostKey));
    const measured: Measured[] = [];
    for (const { job, specRef } of live.answer) {
      const names = await this.#referred.readHosts(specRef);
      if (names === undefined) continue;
      const found = await this.#leader.view((state) => {
        const record = state.jobs.get(job);
        return record && measure(record, (host) => wanted.has(hostKey(names[host]!)));
      });
      if (found.kind === 'ok' && found.answer !== undefined) measured.push(found.answer);
    }
    return meanOf(measured);
  }

  async #measureArchived(title: string): Promise<Measured[]> {
    const newest = (await this.#archive.list()).slice(-archivedJobs).reverse();
    const kept = new Set(newest);
    for (const job of this.#archived.keys()) if (!kept.has(job)) this.#archived.delete(job);
    const unread = newest.filter((job) => !this.#archived.has(job));
    for (let at = 0; at < unread.length; at += readAtOnce) {
      const read = unread.slice(at, at + readAtOnce).map((job) => this.#archive.get(job));
      for (const job of await Promise.all(read))
        if (job !== undefined) this.#archived.set(job.job, { title: job.document.title, job });
    }
    const measured: Measured[] = [];
    for (const number of newest) {
      const known = this.#archived.get(number);
      if (known?.title !== title || (known.job.document.counts.succeeded ?? 0) === 0) continue;
      known.measured ??= await this.#measure(known.job);
      measured.push(known.measured);
      if (measured.length === enoughJobs) break;
    }
    return measured;
  }

  async #measure(archived: ArchivedJob): Promise<Measured> {
    const measured = { job: archived.job, attempts: 0, sumMs: 0 };
    for (const { state, outcome } of await this.#archive.hosts(archived))
      if (state === 'succeeded') add(measured, outcome?.durationMs);
    return measured;
  }
}

function newestOf({ jobs }: ClusterState, isWanted: (record: JobRecord) => boolean): JobRecord[] {
  return [...jobs.values()]
    .filter((record) => record.counts.succeeded > 0 && isWanted(record))
    .sort((a, b) => b.job - a.job)
    .slice(0, enoughJobs);
}

function measure(record: JobRecord, isWanted: (host: number) => boolean = () => true): Measured {
  const measured = { job: record.job, attempts: 0, sumMs: 0 };
  record.hosts.forEach(({ state, outcome }, host) => {
    if (state === 'succeeded' && isWanted(host)) add(measured, outcome?.durationMs);
  });
  return measured;
}

function add(measured: Measured, durationMs: number | undefined): void {
  if (durationMs === undefined) return;
  measured.attempts++;
  measured.sumMs += durationMs;
}

function meanOf(all: readonly Measured[]): KnownDurations | undefined {
  const measured = all.filter(({ attempts }) => attempts > 0);
  if (measured.length === 0) return undefined;
  const attempts = measured.reduce((sum, one) => sum + one.attempts, 0);
  const sumMs = measured.reduce((sum, one) => sum + one.sumMs, 0);
  return {
    perHostMs: Math.max(1, Math.round(sumMs / attempts)),
    attempts,
    jobs: measured.map(({ job }) => job),
  };
}
