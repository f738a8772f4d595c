/** Journals under test: each can be opened again, as the next process would. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@pogo/lifecycle';
import {
  type FinalReport,
  FileJournal,
  type FileJournalOptions,
  type Journal,
  type JobAttempt,
  MemoryJournal,
} from '@pogo/worker';
import { KeptLog } from './cluster.js';

export interface JournalFixture {
  /** The first time a new one, then the same again; the one before is closed. */
  open(): Promise<Journal>;
  dispose(): Promise<void>;
}

export async function memoryJournals(): Promise<JournalFixture> {
  let last: MemoryJournal | undefined;
  return {
    async open() {
      await last?.close();
      last = last === undefined ? new MemoryJournal({ id: 'a journal' }) : last.reopened();
      return last;
    },
    dispose: () => Promise.resolve(),
  };
}

export interface FileJournalFixture extends JournalFixture {
  directory: string;
  log: KeptLog;
  open(options?: Partial<FileJournalOptions>): Promise<FileJournal>;
}

export async function fileJournals(given: Partial<FileJournalOptions> = {}): Promise<FileJournalFixture> {
  const parent = await mkdtemp(join(tmpdir(), 'pogo-journal-'));
  const directory = given.directory ?? join(parent, 'journal');
  const log = new KeptLog();
  let last: FileJournal | undefined;
  return {
    directory,
    log,
    async open(options = {}) {
      await last?.close();
      last = await openFileJournal({ directory, log, ...given, ...options });
      return last;
    },
    async dispose() {
      await last?.close();
      await rm(parent, { recursive: true });
    },
  };
}

export async function openFileJournal(
  options: Partial<FileJournalOptions> & { directory: string },
): Promise<FileJournal> {
  const outcome = await FileJournal.open({
    clock: systemClock,
    random: () => 0,
    log: new KeptLog(),
    ...options,
  });
  if (outcome.kind === 'failed') throw new Error(`${outcome.failure.code}: ${outcome.failure.message}`);
  return outcome.journal;
}

export function attempts(job: number, hosts: readonly number[], attempt = 1): JobAttempt[] {
  return hosts.map((host) => ({ job, host, attempt }));
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export function finished(attempt: JobAttempt, state: 'succeeded' | 'unknown' = 'succeeded'): FinalReport {
  const outcome =
    state === 'succeeded'
      ? ({ state, exitCode: 0, durationMs: 12 } as const)
      : ({ state, reason: 'rexec-lost', message: 'gone' } as const);
  return { event: 'finished', ...attempt, outcome };
}
