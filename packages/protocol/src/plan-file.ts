/** What `pogo plan -o` writes and `pogo run FILE` reads: a job as it was looked at, without its credentials. */
import * as z from 'zod';
import { estimateSchema, forecastSchema, planBasisSchema } from './plan-api.js';
import {
  digestSchema,
  jobLimitsSchema,
  requestedLimitsSchema,
  resolvedSpecSchema,
  specLimits,
} from './spec.js';

/** Bytes of a file that is read at most: the job, and the forecast beside it. */
export const maxPlanFileBytes = 4 * specLimits.maxBytes;

export const planFileSchema = z.strictObject({
  format: z.literal('pogo-plan'),
  version: z.literal(1),
  createdAtMs: z.int(),
  spec: resolvedSpecSchema,
  /** Digest of the spec: a file that was edited since is found out. */
  digest: digestSchema,
  /** As they were asked for, and what that came to. */
  requestedLimits: requestedLimitsSchema,
  limits: jobLimitsSchema,
  basis: planBasisSchema,
  /** What the hosts were chosen by, to see whether it still means the same; absent where that can't be read again. */
  selection: z
    .strictObject({
      expressions: z.array(z.string()),
      hostFiles: z.array(z.string()),
      excluded: z.array(z.string()),
    })
    .optional(),
  /** Path of the script that travels with the job. */
  script: z.string().optional(),
  /** For readers; nothing is decided by it. */
  estimate: estimateSchema,
  forecast: forecastSchema.optional(),
});
export type PlanFile = z.infer<typeof planFileSchema>;
