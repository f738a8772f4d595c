/**
 * JSON-RPC between worker and dispatcher, over one WebSocket that the worker dials (TLS 1.3, both certificates of the
 * instance). Batches everywhere: one frame carries many hosts. Orders carry the term of their job's namespace (A2), and
 * durations (T2). Which namespace a job belongs to is in its number.
 */
import * as z from 'zod';
import { outcomeSchema } from './client-api.js';
import { recipientSchema, sealedCredentialsSchema } from './credentials.js';
import { digestSchema, resolvedSpecSchema } from './spec.js';

/** Path of the WebSocket on the dispatcher's worker listener. */
export const workerLinkPath = '/worker-link';
/** Behind it, on the same listener and under the same certificates, an attachment's SHA-256: `GET`, with `Range`. */
export const workerAttachmentPath = '/attachments/';

const attemptKey = {
  job: z.int(),
  /** Index in the job's expanded targets. */
  host: z.int(),
  attempt: z.int(),
};

/** worker → dispatcher, first message on every connection. */
export const helloParamsSchema = z.object({
  /** Newest version of the link that it speaks, and the oldest. */
  protocol: z.int().min(1),
  oldestProtocol: z.int().min(1).optional(),
  version: z.string(),
  /** Changes with every start of the worker: tells a reconnect from a restart. */
  incarnation: z.string(),
  pools: z.array(z.string()),
  /** Attempts that it takes at once: no more than it can begin soon. */
  capacity: z.int(),
  recipient: recipientSchema,
  /** Id of its durable journal: a worker that has lost its journal comes with another (A4). */
  journal: z.string().min(1).max(64),
});
export type HelloParams = z.infer<typeof helloParamsSchema>;
export const helloResultSchema = z.object({
  dispatcher: z.string(),
  version: z.string(),
  /** Version of the link that holds on this connection: the newest that both speak. */
  protocol: z.int().optional(),
});
export type HelloResult = z.infer<typeof helloResultSchema>;

/**
 * dispatcher → worker: it leads the namespace of this number, under this term (A2). Said of each namespace behind the hello,
 * and whenever it begins to lead one; orders and reports of the namespace come after it.
 */
export const leadParamsSchema = z.object({ namespace: z.int(), term: z.int() });
export type LeadParams = z.infer<typeof leadParamsSchema>;
export const leadResultSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('taken'),
    /** Every attempt of the namespace that it holds, from order to acknowledged report; what is missing it never got. */
    held: z.array(z.object(attemptKey)),
    /** Jobs of the namespace whose sealed credentials it holds (V2). */
    credentials: z.array(z.int()),
  }),
  /** Another dispatcher has led the namespace since, under this term. */
  z.object({ kind: z.literal('stale-term'), term: z.int() }),
]);
export type LeadResult = z.infer<typeof leadResultSchema>;

/** dispatcher → worker, as a notification: it has lost the sealed credentials of these jobs, and asks for them (V2). */
export const wantCredentialsParamsSchema = z.object({ jobs: z.array(z.int()) });

/** What a worker says of an attempt. Idempotent by (job, host, attempt, event) (A6). */
export const attemptReportSchema = z.discriminatedUnion('event', [
  z.object({ ...attemptKey, event: z.literal('begun') }),
  z.object({ ...attemptKey, event: z.literal('started') }),
  z.object({ ...attemptKey, event: z.literal('finished'), outcome: outcomeSchema }),
  /** Durable: not begun, and never will be (A3). */
  z.object({ ...attemptKey, event: z.literal('refused'), reason: z.string() }),
  /** The host was asked what became of the attempt, and could not tell: it stays `unknown`, for this reason. */
  z.object({ ...attemptKey, event: z.literal('unsettled'), detail: z.string() }),
]);
export type AttemptReport = z.infer<typeof attemptReportSchema>;

/** worker → dispatcher: answered only after the reports are in the log, or void (L7). */
export const reportParamsSchema = z.object({
  reports: z.array(attemptReportSchema),
  /** Jobs whose password three hosts refused and none accepted: the dispatcher halts them. */
  passwordRefused: z.array(z.int()),
});
export type ReportParams = z.infer<typeof reportParamsSchema>;

/** worker → dispatcher: sealed credentials that the dispatcher asked for (V2). */
export const returnCredentialsParamsSchema = z.object({
  job: z.int(),
  digest: digestSchema,
  credentials: sealedCredentialsSchema,
});
export type ReturnCredentialsParams = z.infer<typeof returnCredentialsParamsSchema>;

/**
 * dispatcher → worker: once per (job, worker), before its first order; and again, with other credentials, before the next
 * order after these were renewed: what begins from then on uses the new ones.
 */
export const openJobParamsSchema = z.object({
  term: z.int(),
  job: z.int(),
  digest: digestSchema,
  spec: resolvedSpecSchema,
  credentials: sealedCredentialsSchema,
});
export type OpenJobParams = z.infer<typeof openJobParamsSchema>;

export const orderedAttemptSchema = z.object({
  host: z.int(),
  attempt: z.int(),
  /** Log index of the batch that assigned it: its number at the host's lock and fence (E3). */
  index: z.int(),
  /** Fences off every earlier attempt on the host: a person has said that their worker is gone (E3). */
  fence: z.boolean().default(false),
});
export type OrderedAttempt = z.infer<typeof orderedAttemptSchema>;

/** dispatcher → worker: run these hosts. */
export const assignParamsSchema = z.object({
  term: z.int(),
  job: z.int(),
  attempts: z.array(orderedAttemptSchema),
});
export type AssignParams = z.infer<typeof assignParamsSchema>;

/**
 * dispatcher → worker: ask the hosts what became of these attempts, whose outcome is `unknown`. Answered by reports:
 * `finished` with evidence (E2), or `unsettled`.
 */
export const settleParamsSchema = z.object({
  term: z.int(),
  job: z.int(),
  attempts: z.array(z.object({ host: z.int(), attempt: z.int(), index: z.int() })),
});
export type SettleParams = z.infer<typeof settleParamsSchema>;

/** dispatcher → worker: begin nothing more of this job (refuse it), and with `kill` end what runs. */
export const haltJobParamsSchema = z.object({ term: z.int(), job: z.int(), kill: z.boolean() });
export type HaltJobParams = z.infer<typeof haltJobParamsSchema>;

/** dispatcher → worker: the job is over; credentials and its rexec go. Output stays for its retention. */
export const closeJobParamsSchema = z.object({ term: z.int(), job: z.int() });
export type CloseJobParams = z.infer<typeof closeJobParamsSchema>;

/**
 * dispatcher → worker: send the output that this worker holds of a job, as binary frames (output-frames.ts), within
 * the credit. Without `host` all hosts, in the order in which it was written; with it one stream's bytes.
 */
export const openOutputParamsSchema = z.object({
  /** Chosen by the dispatcher, unique on this connection. */
  subscription: z.int(),
  job: z.int(),
  host: z.object({ index: z.int(), attempt: z.int(), stream: z.enum(['stdout', 'stderr']) }).optional(),
  /** Without `host`: position in the worker's spool of the job; with it: byte offset in the stream. */
  from: z.int(),
  /** With `host`: one past the last byte wanted; absent means to the end. */
  until: z.int().optional(),
  /** Goes on as output arrives, until the job is closed here. */
  follow: z.boolean(),
  /** Bytes of payload that may be sent before more credit. */
  creditBytes: z.int(),
});
export type OpenOutputParams = z.infer<typeof openOutputParamsSchema>;
export const openOutputResultSchema = z.object({ found: z.boolean() });

/** dispatcher → worker, as a notification: the reader has taken this much. */
export const outputCreditParamsSchema = z.object({ subscription: z.int(), bytes: z.int() });
/** dispatcher → worker, as a notification: nobody reads any more. */
export const closeOutputParamsSchema = z.object({ subscription: z.int() });

export const pingParamsSchema = z.object({});
export const pingResultSchema = z.object({ version: z.string() });

/** Method names, by who serves them. */
export const dispatcherMethods = {
  hello: 'worker.hello',
  report: 'worker.report',
  returnCredentials: 'worker.credentials',
} as const;
export const workerMethods = {
  lead: 'namespace.lead',
  wantCredentials: 'credentials.want',
  openJob: 'job.open',
  assign: 'job.assign',
  settle: 'job.settle',
  haltJob: 'job.halt',
  closeJob: 'job.close',
  openOutput: 'output.open',
  outputCredit: 'output.credit',
  closeOutput: 'output.close',
  ping: 'ping',
} as const;

/** Answer to an order: an order of an older term, or for a job that was never opened here, is refused (A2). */
export const orderResultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken') }),
  z.object({ kind: z.literal('stale-term'), term: z.int() }),
  z.object({ kind: z.literal('unknown-job') }),
]);
export type OrderResult = z.infer<typeof orderResultSchema>;
