/**
 * The pipe between a worker and one rexec: length-prefixed frames (wire, `PipeFrames`), either JSON control messages
 * or output frames (output-frames.ts, subscription 0). Sealed credentials reach rexec here and nowhere else; the
 * sealing key itself rexec reads from its file.
 */
import * as z from 'zod';
import { attemptReportSchema, orderedAttemptSchema } from './worker-link.js';
import { sealedCredentialsSchema } from './credentials.js';
import { digestSchema, resolvedSpecSchema } from './spec.js';

/** worker → rexec */
export const rexecOrderSchema = z.discriminatedUnion('type', [
  /** First, and once: a rexec serves one job. */
  z.object({
    type: z.literal('open'),
    job: z.int(),
    digest: digestSchema,
    spec: resolvedSpecSchema,
    credentials: sealedCredentialsSchema,
    /** PEM file with the worker's sealing key: rexec alone opens it. */
    sealingKeyFile: z.string(),
    /** Key id of that key: which recipient of the seal it is. */
    kid: z.string(),
    /** The worker's own host keys in known_hosts format, its accept-new record included; may not exist. */
    workerKnownHostsFile: z.string(),
    /** Authentication plug-ins of the worker's configuration: method name to module. */
    authPlugins: z.record(z.string(), z.string()),
    /** The job's script, complete and verified, where it has one. */
    scriptFile: z.string().optional(),
    /** Bytes of one attempt's output, both streams together, that are kept; the rest is counted and digested only. */
    outputLimitBytes: z.int(),
    /** Whether this worker lets a job offer its agent to hosts. */
    allowAgentForwarding: z.boolean(),
  }),
  /** Dial these now; the worker decides how many are open at once. */
  z.object({ type: z.literal('run'), attempts: z.array(orderedAttemptSchema) }),
  /** Ask these hosts what became of an earlier attempt: answered by a `finished` report, or by `unsettled`. */
  z.object({
    type: z.literal('settle'),
    attempts: z.array(
      z.object({
        host: z.int(),
        attempt: z.int(),
        index: z.int(),
        /** Bytes of its output that the worker holds, where the command outlives its connection: what comes behind them is wanted. */
        received: z.object({ stdout: z.int(), stderr: z.int() }).optional(),
      }),
    ),
  }),
  /** The results of these attempts are journaled: their hosts need not remember them any more (E4). */
  z.object({
    type: z.literal('recorded'),
    attempts: z.array(z.object({ host: z.int(), attempt: z.int() })),
  }),
  /** End the job's commands; attempts that were not dialled yet are refused. */
  z.object({ type: z.literal('halt'), kill: z.boolean() }),
  /** Nothing more comes: exit when what runs has ended. */
  z.object({ type: z.literal('close') }),
]);
export type RexecOrder = z.infer<typeof rexecOrderSchema>;

/** rexec → worker */
export const rexecMessageSchema = z.discriminatedUnion('type', [
  /** Started, and clean: can take a job. `pid` for a worker that hasn't started it itself. */
  z.object({ type: z.literal('ready'), version: z.string(), pid: z.int().optional() }),
  /** `begun` comes from the worker itself, before it hands the attempt over (A4). */
  z.object({ type: z.literal('report'), reports: z.array(attemptReportSchema) }),
  /** Authenticated: the connection slot counts as open, no longer as dialling. */
  z.object({ type: z.literal('authenticated'), host: z.int() }),
  /** It will be dialled again, after a pause: the slot no longer counts as dialling, then or before. */
  z.object({ type: z.literal('waiting'), host: z.int() }),
  /** Three hosts refused the password and none accepted it: nothing more will be tried. */
  z.object({ type: z.literal('password-refused') }),
  /** `accept-new` met a host for the first time: for the worker's record. */
  z.object({
    type: z.literal('host-key-accepted'),
    host: z.string(),
    port: z.int(),
    key: z.string(),
    fingerprint: z.string(),
  }),
  /** The job can't be run at all: wrong digest, unusable seal; every attempt gets this outcome's reason. */
  z.object({
    type: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
  }),
]);
export type RexecMessage = z.infer<typeof rexecMessageSchema>;
