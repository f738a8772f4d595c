/** The HTTP API under `/v1`: bodies and events, between the client (or automation) and the dispatcher. */
import { hostStates, jobStates, outcomeStates, reasonCodes } from '@pogo/core';
import * as z from 'zod';
import { recipientSchema, sealedCredentialsSchema } from './credentials.js';
import { digestSchema, jobLimitsSchema, jobRequestSchema, resolvedSpecSchema } from './spec.js';

export const jobIdSchema = z.string().regex(/^p\d{10}$/);

export const planRequestSchema = jobRequestSchema;

/** `POST /v1/plans` */
export const planResponseSchema = z.object({
  spec: resolvedSpecSchema,
  digest: digestSchema,
  limits: jobLimitsSchema,
  hosts: z.int(),
  /** The first hosts that would start together, folded, and how many in all would follow them. */
  order: z.object({ firstWave: z.string(), firstWaveHosts: z.int(), remainingHosts: z.int() }),
  warnings: z.array(z.string()),
  /** Workers that may run the job: the client seals for all of them. */
  recipients: z.array(recipientSchema),
});
export type PlanResponse = z.infer<typeof planResponseSchema>;

/** `POST /v1/jobs`, with an `Idempotency-Key` header. */
export const submitRequestSchema = z.strictObject({
  spec: resolvedSpecSchema,
  digest: digestSchema,
  limits: jobLimitsSchema,
  credentials: sealedCredentialsSchema,
});
export type SubmitRequest = z.infer<typeof submitRequestSchema>;

export const outputDigestSchema = z.object({ bytes: z.int(), sha256: z.string() });

export const outcomeSchema = z.object({
  state: z.enum(outcomeStates),
  reason: z.enum(reasonCodes as [(typeof reasonCodes)[number], ...typeof reasonCodes]).optional(),
  message: z.string().optional(),
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  methodsTried: z.array(z.string()).optional(),
  durationMs: z.number().optional(),
  stdout: outputDigestSchema.optional(),
  stderr: outputDigestSchema.optional(),
});

/** How many hosts of a job are in each state; states without a host are absent. */
export const countsSchema = z.partialRecord(z.enum(hostStates), z.int());
export type HostCounts = z.infer<typeof countsSchema>;

/** `GET /v1/jobs/:id` */
export const jobSchema = z.object({
  id: jobIdSchema,
  state: z.enum(jobStates),
  title: z.string(),
  submitter: z.string(),
  namespace: z.string(),
  digest: digestSchema,
  hosts: z.int(),
  counts: countsSchema,
  limits: jobLimitsSchema,
  /** Set once a halt was asked for. */
  halt: z.object({ by: z.string(), cause: z.string(), kill: z.boolean() }).optional(),
  acceptedAtMs: z.int(),
  endedAtMs: z.int().optional(),
});
export type JobDocument = z.infer<typeof jobSchema>;

/** `GET /v1/jobs?state=&limit=&cursor=`: newest first. */
export const jobListSchema = z.object({ jobs: z.array(jobSchema), nextCursor: z.string().optional() });

/** One host of `GET /v1/jobs/:id/hosts?state=&limit=&cursor=`. */
export const jobHostSchema = z.object({
  host: z.string(),
  state: z.enum(hostStates),
  attempt: z.int(),
  worker: z.string().optional(),
  outcome: outcomeSchema.optional(),
});
export type JobHostDocument = z.infer<typeof jobHostSchema>;
export const jobHostListSchema = z.object({
  hosts: z.array(jobHostSchema),
  nextCursor: z.string().optional(),
});

/**
 * One event of `GET /v1/jobs/:id/events`. `id` is `<log index>.<position in the batch>`: give the last one seen as
 * `Last-Event-ID` and the stream goes on behind it. The stream ends when the job has ended.
 */
export const jobEventSchema = z.discriminatedUnion('type', [
  z.object({
    id: z.string(),
    atMs: z.int(),
    type: z.literal('job-state'),
    state: z.enum(jobStates),
    /** Present for `halt` requests and ends. */
    detail: z.string().optional(),
    counts: countsSchema,
  }),
  z.object({
    id: z.string(),
    atMs: z.int(),
    type: z.literal('hosts-state'),
    state: z.enum(hostStates),
    /** Folded host names. */
    hosts: z.string(),
    count: z.int(),
  }),
  z.object({
    id: z.string(),
    atMs: z.int(),
    type: z.literal('host-finished'),
    host: z.string(),
    attempt: z.int(),
    outcome: outcomeSchema,
  }),
]);
export type JobEventDocument = z.infer<typeof jobEventSchema>;

/**
 * One line of `GET /v1/jobs/:id/output?follow=` (NDJSON): a piece of one host's stream, complete and in order per
 * stream. With `follow` it ends when the job has ended and everything was delivered. `gap` says that bytes
 * can't be had (any more), and how many; nothing is left out silently.
 */
export const outputLineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('output'),
    host: z.string(),
    attempt: z.int(),
    stream: z.enum(['stdout', 'stderr']),
    /** Position of the first byte in the host's stream. */
    offset: z.int(),
    /** The bytes, base64. */
    data: z.string(),
  }),
  z.object({
    type: z.literal('gap'),
    host: z.string().optional(),
    detail: z.string(),
  }),
  /** Sent last, so that a broken connection isn't taken for the end. */
  z.object({ type: z.literal('end') }),
]);
export type OutputLine = z.infer<typeof outputLineSchema>;

/** `POST /v1/jobs/:id/halt` */
export const haltRequestSchema = z.strictObject({ kill: z.boolean() });

/** `GET /v1/ping`: the parts, their versions, and round trips measured by the dispatcher, in milliseconds. */
export const pingResponseSchema = z.object({
  dispatcher: z.object({ name: z.string(), version: z.string(), term: z.int() }),
  store: z.object({ kind: z.string(), roundTripMs: z.number() }),
  workers: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      connected: z.boolean(),
      roundTripMs: z.number().optional(),
      capacity: z.int(),
      assigned: z.int(),
    }),
  ),
});
export type PingResponse = z.infer<typeof pingResponseSchema>;
