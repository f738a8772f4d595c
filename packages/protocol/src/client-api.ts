/** The HTTP API under `/v1`: bodies and events, between the client (or automation) and the dispatcher. */
import { hostStates, jobStates, keptOutcome, outcomeSteps, outcomeStates, reasonCodes } from '@pogo/core';
import * as z from 'zod';
import { recipientSchema, sealedCredentialsSchema } from './credentials.js';
import { deadlockCause } from './deadlock-cause.js';
import { digestSchema, jobLimitsSchema, requestedLimitsSchema, resolvedSpecSchema } from './spec.js';

export const jobIdSchema = z.string().regex(/^p\d{10}$/);

/** `POST /v1/jobs`, with an `Idempotency-Key` header. */
export const submitRequestSchema = z.strictObject({
  spec: resolvedSpecSchema,
  digest: digestSchema,
  limits: jobLimitsSchema,
  credentials: sealedCredentialsSchema,
});
export type SubmitRequest = z.infer<typeof submitRequestSchema>;

export const outputDigestSchema = z.object({ bytes: z.int(), sha256: z.string() });

/** What it parses shares its parts with other outcomes ({@link keptOutcome}): nobody may change them. */
export const outcomeSchema = z
  .object({
    state: z.enum(outcomeStates),
    reason: z.enum(reasonCodes as [(typeof reasonCodes)[number], ...typeof reasonCodes]).optional(),
    message: z.string().optional(),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    step: z.enum(outcomeSteps).optional(),
    hook: z.string().max(255).optional(),
    methodsTried: z.array(z.string()).optional(),
    durationMs: z.number().optional(),
    stdout: outputDigestSchema.optional(),
    stderr: outputDigestSchema.optional(),
    outputCutBytes: z.int().optional(),
  })
  .overwrite(keptOutcome);

/** How many hosts of a job are in each state; states without a host are absent. */
export const countsSchema = z.partialRecord(z.enum(hostStates), z.int());
export type HostCounts = z.infer<typeof countsSchema>;

/** Who holds a job: nothing of it starts until somebody resumes it. */
export const holdSchema = z.object({ by: z.string() });

/** Who has frozen a namespace or a slot: nothing new starts there until somebody thaws it. */
export const freezeSchema = z.object({ by: z.string(), note: z.string().optional(), atMs: z.int() });
export type FreezeDocument = z.infer<typeof freezeSchema>;

/** Who has said that a worker gets no further host; what it has goes on. */
export const drainSchema = z.object({ by: z.string(), note: z.string().optional(), atMs: z.int() });
export type DrainDocument = z.infer<typeof drainSchema>;

/** Where a job's ramp stands (S9). */
export const rampStateSchema = z.object({
  /** The step that is under way, or over while the next has not begun; from 1. */
  step: z.int(),
  /** How many there are; in the last all hosts may start. */
  steps: z.int(),
  /** What the next step waits for: the step's hosts, the end of a pause, or somebody who resumes the job. */
  waitsFor: z.enum(['hosts', 'pause', 'confirmation']),
  /** Hosts of the step that ended otherwise than by success; 0 while it isn't over. */
  failed: z.int(),
});
export type RampState = z.infer<typeof rampStateSchema>;

/** What held a deadlocked job up when it ended, most waiting hosts first. */
export const deadlockSchema = z.array(deadlockCause(jobIdSchema));
export type DeadlockDocument = z.infer<typeof deadlockSchema>;

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
  /** Set while somebody holds it. */
  hold: holdSchema.optional(),
  /** Set while its ramp has steps to go. */
  ramp: rampStateSchema
    .extend({
      /** Most hosts that may have been started in the step, and how many have. */
      limit: z.int(),
      started: z.int(),
      /** When the next step begins by itself, in log time. */
      nextAtMs: z.int().optional(),
    })
    .optional(),
  /** Set while the namespace is frozen, and the job hasn't ended. */
  frozen: freezeSchema.optional(),
  /** What a job in `needs-credentials` waits for, in one sentence. */
  needs: z.string().optional(),
  /** Of one that is `deadlocked`. */
  deadlock: deadlockSchema.optional(),
  acceptedAtMs: z.int(),
  endedAtMs: z.int().optional(),
});
export type JobDocument = z.infer<typeof jobSchema>;

/** `GET /v1/jobs?namespace=&state=&limit=&cursor=`: newest first, of all namespaces unless one is named. */
export const jobListSchema = z.object({ jobs: z.array(jobSchema), nextCursor: z.string().optional() });
export type JobList = z.infer<typeof jobListSchema>;

/** One host of `GET /v1/jobs/:id/hosts?state=&limit=&cursor=`. */
export const jobHostSchema = z.object({
  host: z.string(),
  state: z.enum(hostStates),
  attempt: z.int(),
  worker: z.string().optional(),
  outcome: outcomeSchema.optional(),
  /** An `unknown` that a person has released: it no longer counts against any limit. */
  released: z.literal(true).optional(),
  /** Why the host could not tell what became of the attempt when it was last asked. */
  unsettled: z.string().optional(),
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
    /** Present while the job is held. */
    hold: holdSchema.optional(),
    /** Present when a step of the ramp is over, and when the next begins. */
    ramp: rampStateSchema.optional(),
    /** Present for the end of a deadlocked job; `detail` says the same in words. */
    deadlock: deadlockSchema.optional(),
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
    /** What happened, where the state doesn't say it: hosts that were released, are asked, or could not tell. */
    detail: z.string().optional(),
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

/** `GET /v1/jobs/:id/spec`: what a client seals over when the job's credentials are asked for again (V5). */
export const jobSpecSchema = z.object({
  spec: resolvedSpecSchema,
  digest: digestSchema,
  /** Workers that could run it now. */
  recipients: z.array(recipientSchema),
});
export type JobSpec = z.infer<typeof jobSpecSchema>;

const hostExpression = z.string().min(1);

/** `POST /v1/jobs/:id/hold`: nothing of it starts until it is resumed; what runs goes on. */
export const holdRequestSchema = z.strictObject({});

/** `POST /v1/jobs/:id/alter`: other limits from here on; absent members stay, null lifts one. */
export const alterRequestSchema = z.strictObject({
  limits: z
    .strictObject({
      ...requestedLimitsSchema.partial().shape,
      ramp: requestedLimitsSchema.shape.ramp.unwrap().nullable().optional(),
    })
    .refine((limits) => Object.values(limits).some((limit) => limit !== undefined), 'names no limit'),
});
export type AlterRequest = z.infer<typeof alterRequestSchema>;

/** `POST /v1/jobs/:id/resume`: the job goes on: held no more, with credentials sealed anew, or with the ramp's next step. */
export const resumeRequestSchema = z.strictObject({ credentials: sealedCredentialsSchema.optional() });

/** `POST /v1/jobs/:id/retry`: another attempt. Without hosts: those that failed, were unreachable or never started. */
export const retryRequestSchema = z.strictObject({
  hosts: hostExpression.optional(),
  /** The submitter says that the worker of an `unknown` host is gone for good: its order is fenced off on the host (E3). */
  fence: z.boolean().default(false),
  credentials: sealedCredentialsSchema.optional(),
});

/** `POST /v1/jobs/:id/skip`: hosts that have no order yet never start. */
export const skipRequestSchema = z.strictObject({ hosts: hostExpression });

/** `POST /v1/jobs/:id/release`: `unknown` hosts stop counting, because a person says that they are well (E1). */
export const releaseRequestSchema = z.strictObject({ hosts: hostExpression });

/** `POST /v1/jobs/:id/resolve`: asks `unknown` hosts, by default all of them, for evidence. */
export const resolveRequestSchema = z.strictObject({
  hosts: hostExpression.optional(),
  credentials: sealedCredentialsSchema.optional(),
});

/** Answer to each of these. */
export const verbResponseSchema = z.object({
  job: jobSchema,
  /** Folded hosts that the verb has changed. */
  affected: z.string(),
  affectedHosts: z.int(),
});
export type VerbResponse = z.infer<typeof verbResponseSchema>;

/** `HEAD` and `PUT /v1/attachments/:sha256`: how much of it the dispatcher has. */
export const attachmentSchema = z.object({ sha256: z.string(), bytes: z.int(), complete: z.boolean() });

/** `GET /v1/ping`: the parts, their versions, and round trips measured by the dispatcher, in milliseconds. */
export const pingResponseSchema = z.object({
  dispatcher: z.object({
    name: z.string(),
    version: z.string(),
    term: z.int(),
    /** Names of the namespaces that it leads. */
    leads: z.array(z.string()).optional(),
    /** Name of the dispatcher that leads `default`, as far as it is known there. */
    leader: z.string().optional(),
  }),
  store: z.object({ kind: z.string(), roundTripMs: z.number() }),
  workers: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      connected: z.boolean(),
      roundTripMs: z.number().optional(),
      capacity: z.int(),
      assigned: z.int(),
      /** Pools whose hosts it reaches, besides those that are in none. */
      pools: z.array(z.string()).optional(),
      /** Set while it gets no further host. */
      drain: drainSchema.optional(),
    }),
  ),
});
export type PingResponse = z.infer<typeof pingResponseSchema>;
