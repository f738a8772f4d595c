import * as z from 'zod';
import { jobSchema } from './client-api.js';

/** Stable problem types of the API (RFC 9457); `type` is `urn:pogo:problem:<code>`. */
export const problemCodes = [
  'unauthenticated',
  'forbidden',
  'not-found',
  'unknown-job',
  'unknown-host',
  'invalid-request',
  'invalid-target',
  'too-many-targets',
  'hosts-not-in-namespace',
  'host-of-another-namespace',
  'namespace-invalid',
  'namespace-changed',
  'unknown-namespace',
  'unknown-version',
  'unknown-slot',
  'unknown-worker',
  'numbers-used-up',
  'spec-too-large',
  'digest-mismatch',
  'idempotency-mismatch',
  'idempotency-key-missing',
  'no-worker',
  'recipients-changed',
  'credentials-missing',
  'job-ended',
  'job-running',
  'job-changed',
  'credentials-needed',
  'nothing-to-do',
  'worker-may-return',
  'host-not-unknown',
  'attachment-missing',
  'attachment-mismatch',
  'attachments-full',
  'range-not-satisfiable',
  'output-unavailable',
  'not-ready',
  'store-unavailable',
  'leader-broke-off',
  'rate-limited',
  'internal',
] as const;
export type ProblemCode = (typeof problemCodes)[number];

export const problemTypePrefix = 'urn:pogo:problem:';

/** An `application/problem+json` document. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  /** What was wrong and what to do, for people. */
  detail: z.string().optional(),
  /** One entry per offending value. */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  /** Of `job-changed`: the job as it is now. */
  job: jobSchema.optional(),
});
export type Problem = z.infer<typeof problemSchema>;
