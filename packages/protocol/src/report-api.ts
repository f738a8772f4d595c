/** `GET /v1/jobs/:id/report`: what became of a job, and whether limits and sequences were kept, recounted from the log. */
import { hostStates, jobStates, reasonCodes } from '@pogo/core';
import * as z from 'zod';
import { countsSchema, jobIdSchema } from './client-api.js';

const instant = z.object({
  atMs: z.int(),
  /** Index of the batch in the log that says so. */
  index: z.int(),
});

/**
 * `kept`: nobody was permitted beyond the limit. `exceeded`: more than the limit at some moment, without anybody having
 * been permitted beyond it: hosts of `--unconstrained` jobs, or a limit lowered under what ran. `violated`: a host was
 * permitted although there was no room, or before its turn.
 */
export const verdicts = ['kept', 'exceeded', 'violated'] as const;
export type Verdict = (typeof verdicts)[number];
/** `unproven`: nothing was violated in what is there, and not all of it is. */
export const reportVerdicts = [...verdicts, 'unproven'] as const;
export type ReportVerdict = (typeof reportVerdicts)[number];

export const jobReportSchema = z.object({
  job: jobIdSchema,
  state: z.enum(jobStates),
  title: z.string(),
  submitter: z.string(),
  /** The worst of all verdicts below. */
  verdict: z.enum(reportVerdicts),
  /** Whether all that the report needs was there; `missing` says what wasn't, in sentences. */
  complete: z.boolean(),
  missing: z.array(z.string()),
  hosts: z.int(),
  counts: countsSchema,
  unconstrained: z.boolean(),
  /** Times in which the job was open; the last has no end while it still is. */
  periods: z.array(z.object({ from: instant, to: instant.optional(), state: z.enum(jobStates).optional() })),
  /** Over all periods, in milliseconds. */
  durationMs: z.number(),
  attempts: z.object({
    total: z.int(),
    retriedHosts: z.int(),
    /** Of the host with most of them. */
    most: z.int(),
    failed: z.int(),
  }),
  /** By how the last attempt ended, most hosts first. */
  failures: z.array(
    z.object({
      state: z.enum(hostStates),
      reason: z.enum(reasonCodes as [(typeof reasonCodes)[number], ...typeof reasonCodes]).optional(),
      count: z.int(),
      /** Folded. */
      hosts: z.string(),
    }),
  ),
  /** The job's own cap, once for each that was in force; without `limit` it had none. */
  own: z.array(
    z.object({
      limit: z.int().optional(),
      peak: z.int(),
      at: instant.optional(),
      violations: z.int(),
      verdict: z.enum(verdicts),
    }),
  ),
  /** Each slot of a host of the job, once for each version of the namespace that was in force meanwhile. */
  slots: z.array(
    z.object({
      /** `frontend@coast=east` */
      slot: z.string(),
      /** Version of the namespace. */
      version: z.int(),
      members: z.int(),
      limit: z.int(),
      /** As the file has it: `25%`. */
      written: z.string(),
      /** Most hosts that counted at once, over all jobs. */
      peak: z.int(),
      /** When there were so many for the first time. */
      at: instant.optional(),
      /** Who they were, folded. */
      hosts: z.string(),
      violations: z.int(),
      /** The first of these: the host that was permitted, and how many counted with it. */
      violated: z.array(z.object({ host: z.string(), use: z.int(), ...instant.shape })),
      verdict: z.enum(verdicts),
    }),
  ),
  sequences: z.array(
    z.object({
      /** `coast=east` */
      environment: z.string(),
      before: z.string(),
      hostsBefore: z.int(),
      after: z.string(),
      hostsAfter: z.int(),
      /** When the last host of `before` was done; absent while one isn't. */
      lastEnd: instant.optional(),
      /** When the first host of `after` was permitted. */
      firstStart: instant.optional(),
      violations: z.int(),
      verdict: z.enum(verdicts),
    }),
  ),
});
export type JobReportDocument = z.infer<typeof jobReportSchema>;
