/** A log batch's body as stored: JSON of its log time and entries. Declared here for reading back what was written. */
import type { LogEntry } from '@pogo/core';
import * as z from 'zod';
import { outcomeSchema } from './client-api.js';
import { deadlockCause } from './deadlock-cause.js';
import { jobLimitsSchema } from './spec.js';

/** A folded set of hosts (core, HostSet). */
export const hostSetSchema = z.array(z.union([z.int(), z.tuple([z.int(), z.int()])]));
const job = z.int();

export const logEntrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('leadership-taken'), dispatcher: z.string() }),
  z.object({ type: z.literal('worker-joined'), worker: z.string(), journal: z.string() }),
  z.object({
    type: z.literal('worker-drained'),
    worker: z.string(),
    by: z.string(),
    note: z.string().optional(),
  }),
  z.object({ type: z.literal('drain-lifted'), worker: z.string(), by: z.string() }),
  z.object({ type: z.literal('namespace-applied'), version: z.int(), ref: z.string(), by: z.string() }),
  z.object({
    type: z.literal('frozen'),
    slot: z.string().optional(),
    by: z.string(),
    note: z.string().optional(),
  }),
  z.object({ type: z.literal('thawed'), slot: z.string().optional(), by: z.string() }),
  z.object({
    type: z.literal('job-accepted'),
    job,
    digest: z.string(),
    specRef: z.string(),
    idempotencyKey: z.string(),
    submitter: z.string(),
    namespace: z.string(),
    title: z.string(),
    hosts: z.int(),
    recipients: z.array(z.string()),
    provesPassword: z.boolean(),
    limits: jobLimitsSchema,
    unconstrained: z.boolean().optional(),
    onPredecessorFailure: z.enum(['block', 'continue']).optional(),
  }),
  z.object({ type: z.literal('hosts-permitted'), job, hosts: hostSetSchema }),
  z.object({ type: z.literal('hosts-assigned'), job, hosts: hostSetSchema, worker: z.string() }),
  z.object({ type: z.literal('hosts-begun'), job, hosts: hostSetSchema }),
  z.object({ type: z.literal('hosts-started'), job, hosts: hostSetSchema }),
  z.object({
    type: z.literal('host-finished'),
    job,
    host: z.int(),
    attempt: z.int(),
    outcome: outcomeSchema,
  }),
  z.object({ type: z.literal('hosts-refused'), job, hosts: hostSetSchema, reason: z.string() }),
  z.object({
    type: z.literal('unknown-confirmed'),
    job,
    host: z.int(),
    attempt: z.int(),
    outcome: outcomeSchema,
  }),
  z.object({
    type: z.literal('earlier-settled'),
    job,
    host: z.int(),
    attempt: z.int(),
    outcome: outcomeSchema.optional(),
  }),
  z.object({ type: z.literal('hosts-halted'), job, hosts: hostSetSchema }),
  z.object({ type: z.literal('hosts-skipped'), job, hosts: hostSetSchema, by: z.string() }),
  z.object({
    type: z.literal('hosts-retried'),
    job,
    hosts: hostSetSchema,
    by: z.string(),
    keepsPermit: z.boolean(),
    fence: z.boolean(),
  }),
  z.object({ type: z.literal('hosts-released'), job, hosts: hostSetSchema, by: z.string() }),
  z.object({ type: z.literal('hosts-resolving'), job, hosts: hostSetSchema, worker: z.string() }),
  z.object({ type: z.literal('hosts-unsettled'), job, hosts: hostSetSchema, detail: z.string() }),
  z.object({ type: z.literal('job-held'), job, by: z.string() }),
  z.object({ type: z.literal('hold-lifted'), job, by: z.string() }),
  z.object({ type: z.literal('limits-altered'), job, by: z.string(), limits: jobLimitsSchema }),
  z.object({ type: z.literal('ramp-paused'), job, step: z.int(), failed: z.int() }),
  z.object({ type: z.literal('ramp-advanced'), job, step: z.int() }),
  z.object({ type: z.literal('ramp-confirmed'), job, step: z.int(), by: z.string() }),
  z.object({
    type: z.literal('halt-requested'),
    job,
    by: z.string(),
    cause: z.enum(['request', 'job-timeout', 'password-refused', 'failure-budget']),
    kill: z.boolean(),
  }),
  z.object({ type: z.literal('credentials-lost'), job }),
  z.object({ type: z.literal('credentials-renewed'), job, recipients: z.array(z.string()) }),
  z.object({ type: z.literal('job-reopened'), job, by: z.string(), cause: z.enum(['retry', 'resolve']) }),
  z.object({
    type: z.literal('job-ended'),
    job,
    state: z.enum(['succeeded', 'failed', 'halted', 'deadlocked', 'expired']),
    deadlock: z.array(deadlockCause(z.int())).optional(),
  }),
  z.object({ type: z.literal('job-archived'), job }),
]);

/** The body of one batch. */
export const logBatchBodySchema = z.object({
  version: z.literal(1),
  atMs: z.int(),
  entries: z.array(logEntrySchema),
});

/** Encodes what {@link decodeLogBatch} reads. */
export function encodeLogBatch(body: { atMs: number; entries: readonly LogEntry[] }): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, ...body }));
}

/** @throws when the stored bytes aren't a batch: a damaged store, never a user's mistake. */
export function decodeLogBatch(bytes: Uint8Array): { atMs: number; entries: LogEntry[] } {
  const body = logBatchBodySchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  return { atMs: body.atMs, entries: body.entries as LogEntry[] };
}
