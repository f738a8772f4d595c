/**
 * What a worker's journal is made of (A4), declared for reading back what was written: a segment begins with a head,
 * and each further frame holds records. Attempts of one job that move together cost a few bytes.
 */
import type { HostSet } from '@pogo/core';
import * as z from 'zod';
import { hostSetSchema } from './log-batch.js';
import { attemptReportSchema } from './worker-link.js';

const hosts: z.ZodType<HostSet> = hostSetSchema;
const attempts = z.array(z.object({ attempt: z.int(), hosts }));
const job = z.int();

/** First frame of a segment. */
export const journalHeadSchema = z.object({
  version: z.literal(1),
  /** Id of the journal: made with its directory, the same in all its segments. */
  journal: z.string().min(1).max(64),
  segment: z.int(),
  /** Bytes behind this frame that were on the disk before the segment got its name: what came of all earlier ones. */
  snapshotBytes: z.int(),
});
export type JournalHead = z.infer<typeof journalHeadSchema>;

export const journalRecordSchema = z.discriminatedUnion('type', [
  /** An order of this term was taken: older ones of the same namespace are refused (A2). Once there was one, number 0. */
  z.object({ type: z.literal('term'), term: z.int(), namespace: z.int().default(0) }),
  z.object({ type: z.literal('received'), job, attempts }),
  z.object({ type: z.literal('begun'), job, attempts }),
  z.object({ type: z.literal('refused'), job, attempts, reason: z.string() }),
  z.object({ type: z.literal('finished'), reports: z.array(attemptReportSchema) }),
  /** A dispatcher's log has the ends of these; of `unknown` ones only that they were unknown (E2). */
  z.object({ type: z.literal('acknowledged'), job, attempts, unknown: attempts }),
  /** In snapshots: what was acknowledged, last under this term. */
  z.object({ type: z.literal('settled'), job, attempts, term: z.int() }),
  /** A process that may hold attempts, and when it was started: the pid alone may be another's by then. */
  z.object({ type: z.literal('rexec-started'), pid: z.int(), startTime: z.string() }),
  z.object({ type: z.literal('rexec-ended'), pid: z.int() }),
]);
export type JournalRecord = z.infer<typeof journalRecordSchema>;
