/** The HTTP API about what a job would do: plans of new jobs, and replays of ended ones. */
import { endedJobStates } from '@pogo/core';
import * as z from 'zod';
import { jobIdSchema } from './client-api.js';
import { recipientSchema } from './credentials.js';
import { obstacleSchema } from './namespace-api.js';
import {
  digestSchema,
  jobLimitsSchema,
  jobRequestSchema,
  requestedLimitsSchema,
  resolvedSpecSchema,
} from './spec.js';

/** `POST /v1/plans`; with `?forecast` it is forecast what the job would do. */
export const planRequestSchema = jobRequestSchema;

/** One thing that holds hosts back until they start. */
export const bindingSchema = z.discriminatedUnion('kind', [
  /** No room in a slot. */
  z.object({ kind: z.literal('slot'), slot: z.string(), use: z.int(), limit: z.int() }),
  /** Hosts of an earlier app of a sequence, so many at the end. */
  z.object({ kind: z.literal('stage'), stage: z.string(), pending: z.int() }),
  /** `--concurrent` of the job itself. */
  z.object({ kind: z.literal('own-cap'), concurrent: z.int() }),
  /** Another job's command runs there. */
  z.object({ kind: z.literal('busy') }),
  /** No worker has room. */
  z.object({ kind: z.literal('worker') }),
  /** This step of the job's ramp, and the pause after it. */
  z.object({ kind: z.literal('ramp'), step: z.int() }),
  /** The end of another job. */
  z.object({ kind: z.literal('other') }),
]);
export type BindingDocument = z.infer<typeof bindingSchema>;

const slotUse = z.object({ slot: z.string(), use: z.int(), limit: z.int() });

/** Hosts that start together. */
export const waveSchema = z.object({
  /** Since the start of the job, in milliseconds; absent where nobody knows how long the command takes. */
  atMs: z.int().optional(),
  count: z.int(),
  starts: z.array(
    z.object({
      /** Folded names. */
      hosts: z.string(),
      count: z.int(),
      /** What they waited for until then; empty: nothing. */
      waitedFor: z.array(bindingSchema),
    }),
  ),
  /** Slots of these hosts without room from then on. */
  full: z.array(slotUse),
});
export type WaveDocument = z.infer<typeof waveSchema>;

/** What a job would do if every command succeeded. */
export const forecastSchema = z.object({
  /** `stuck`: hosts wait for what only a person can change; `cut`: it is not followed further than `startedHosts`. */
  ending: z.enum([...endedJobStates, 'stuck', 'cut']),
  startedHosts: z.int(),
  /** The first of them, in order; `waveCount` of them in all. */
  waves: z.array(waveSchema),
  waveCount: z.int(),
  /** Hosts that don't start at once, by what holds them back. */
  waiting: z.array(z.object({ hosts: z.string(), count: z.int(), waitedFor: z.array(bindingSchema) })),
  /** Hosts that never start, and why. */
  never: z.array(z.object({ hosts: z.string(), count: z.int(), obstacles: z.array(obstacleSchema) })),
  /** Most hosts that count in a slot at once, those of other jobs included. */
  peaks: z.array(z.object({ slot: z.string(), peak: z.int(), limit: z.int() })),
});
export type ForecastDocument = z.infer<typeof forecastSchema>;

/** How long it would take, and from what that is known. */
export const estimateSchema = z.object({
  /** `command`: earlier attempts of the same command; `hosts`: of other commands on these hosts. */
  from: z.enum(['command', 'hosts', 'unknown']),
  /** Attempts that were measured, and the jobs that they were of. */
  attempts: z.int(),
  jobs: z.array(jobIdSchema),
  /** Mean of these, in milliseconds. */
  perHostMs: z.int().optional(),
  /** Of the whole job, in milliseconds; absent when it isn't known, or would never be over. */
  totalMs: z.int().optional(),
  /** What of it counts against the job's timeout: pauses don't. */
  clockMs: z.int().optional(),
});
export type EstimateDocument = z.infer<typeof estimateSchema>;

/** What of the namespace concerns the job's hosts: while that stays, a plan holds. */
export const planBasisSchema = z.strictObject({
  /** 0: no namespace was ever applied. */
  namespaceVersion: z.int(),
  holdFailures: z.enum(['until-well', 'until-job-ends']),
  /** Hosts that the same slots limit and that are in the same steps; those without any are left out. */
  groups: z.array(
    z.strictObject({ hosts: z.string(), slots: z.array(z.string()), stages: z.array(z.string()) }),
  ),
  slots: z.array(z.strictObject({ name: z.string(), limit: z.int() })),
  /** Steps of sequences that have hosts of the job, with those that come before. */
  stages: z.array(z.strictObject({ name: z.string(), after: z.array(z.string()) })),
});
export type PlanBasis = z.infer<typeof planBasisSchema>;

/** `POST /v1/plans` */
export const planResponseSchema = z.object({
  spec: resolvedSpecSchema,
  digest: digestSchema,
  limits: jobLimitsSchema,
  hosts: z.int(),
  basis: planBasisSchema,
  estimate: estimateSchema,
  /** The hosts that would start at once, folded, and how many would follow them; with the forecast. */
  order: z.object({ firstWave: z.string(), firstWaveHosts: z.int(), remainingHosts: z.int() }).optional(),
  forecast: forecastSchema.optional(),
  warnings: z.array(z.string()),
  /** Workers that may run the job: the client seals for all of them. */
  recipients: z.array(recipientSchema),
});
export type PlanResponse = z.infer<typeof planResponseSchema>;

/** `POST /v1/jobs/:id/replay`: the job again, under other limits; changes nothing. */
export const replayRequestSchema = z.strictObject({
  /** Other limits of the job's own; `none` is none, and what isn't named stays. */
  concurrent: z.union([z.literal('none'), requestedLimitsSchema.shape.concurrent.unwrap()]).optional(),
  maxFailures: z.union([z.literal('none'), requestedLimitsSchema.shape.maxFailures.unwrap()]).optional(),
  /** Other limits of apps in an environment type. */
  constraints: z
    .array(
      z.strictObject({
        type: z.string().min(1),
        app: z.string().min(1),
        /** A count or a percentage, as in the namespace file; `none` is none. */
        limit: z.string().regex(/^(none|\d{1,7}%?)$/, 'neither a count, nor a percentage, nor none'),
      }),
    )
    .max(1000)
    .default([]),
});
export type ReplayRequest = z.input<typeof replayRequestSchema>;

const replayRun = z.object({
  ending: forecastSchema.shape.ending,
  /** From the first start to the last end, in milliseconds. */
  totalMs: z.int(),
  startedHosts: z.int(),
  /** Most hosts of the job at once. */
  peak: z.int(),
  /** Most that counted in each slot at once. */
  peaks: z.array(z.object({ slot: z.string(), peak: z.int(), limit: z.int() })),
  /** Hosts that never start, folded. */
  never: z.string(),
});

export const replayResponseSchema = z.object({
  job: jobIdSchema,
  hosts: z.int(),
  /** Version of the namespace whose limits hold where no other is given; it may be another than at the time. */
  namespaceVersion: z.int(),
  /** Hosts of which no duration is known: taken to need the mean, and to succeed. */
  assumedHosts: z.int(),
  /** What really happened; absent once the log no longer reaches back that far. */
  observed: z
    .object({
      totalMs: z.int(),
      peak: z.int(),
      peaks: z.array(z.object({ slot: z.string(), peak: z.int() })),
    })
    .optional(),
  /** The same durations under the limits as they are: how far the replay is to be believed. */
  unchanged: replayRun,
  /** Under the limits that were asked for; absent when none were. */
  changed: replayRun.optional(),
});
export type ReplayResponse = z.infer<typeof replayResponseSchema>;
export type ReplayRun = z.infer<typeof replayRun>;
