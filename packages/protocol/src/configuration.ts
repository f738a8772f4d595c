/** Configuration files of the daemons: YAML, unknown keys are errors. Relative paths are relative to the file. */
import { isNamespaceName } from '@pogo/core';
import * as z from 'zod';

const address = z.string().regex(/^(\[[0-9a-fA-F:.%a-z0-9]+\]|[^\s:]+):\d{1,5}$/, 'not HOST:PORT');

/** Room for a hundred scripts of the largest size. */
export const defaultAttachmentsMaxBytes = 10 * 1024 ** 3;

export const dispatcherConfigurationSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/),
  /** HTTPS API for people and automation; port 0 takes a free one. */
  listen: address.default('127.0.0.1:7646'),
  /** `https://HOST:PORT` at which other dispatchers reach the API, where that isn't what it listens on. */
  advertise: z
    .string()
    .regex(/^https:\/\/[^/]+$/)
    .optional(),
  /** wss for workers, and for the other dispatchers. */
  workerListen: address.default('127.0.0.1:7647'),
  /** `wss://HOST:PORT` at which other dispatchers reach that, where it isn't what it listens on, nor the host of `advertise`. */
  advertiseLink: z
    .string()
    .regex(/^wss:\/\/[^/]+$/)
    .optional(),
  /** `embedded:DIR`, `memory:`, or `zookeeper://HOST:PORT,…/CHROOT?SETTINGS` (docs/STORE.md). */
  store: z.string(),
  linkKey: z.string(),
  linkCertificate: z.string(),
  linkRoot: z.string(),
  sealingRoot: z.string(),
  /** File of mode 0600 with the bearer token of the API. */
  tokenFile: z.string(),
  /** Directory of scripts that come with jobs; by default `attachments` beside this file. */
  attachments: z.string().optional(),
  /** Most bytes of these together; a script that would exceed them is refused. */
  attachmentsMaxBytes: z.int().min(1).default(defaultAttachmentsMaxBytes),
  /** Longest time that sealed credentials may be used after sealing, in milliseconds. */
  credentialsLifetimeMs: z.int().min(1000).default(86_400_000),
  /** How long ended jobs stay listed, in milliseconds. */
  jobRetentionMs: z
    .int()
    .min(0)
    .default(30 * 86_400_000),
});
export type DispatcherConfiguration = z.infer<typeof dispatcherConfigurationSchema>;

export const workerConfigurationSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/),
  /** `wss://HOST:PORT` of every dispatcher. */
  dispatchers: z.array(z.string().regex(/^wss:\/\/[^/]+$/)).default([]),
  /** Pools of namespaces whose hosts it reaches, besides those that are in no pool. */
  pools: z
    .array(
      z.string().refine(isNamespaceName, 'not the name of a pool: use letters, digits and the signs _ . -'),
    )
    .default(['default']),
  linkKey: z.string(),
  linkCertificate: z.string(),
  linkRoot: z.string(),
  sealingKey: z.string(),
  sealingCertificate: z.string(),
  knownHosts: z.string(),
  spool: z.strictObject({
    dir: z.string(),
    /** Output of a job is removed this long after the job was closed, in milliseconds. */
    retentionMs: z
      .int()
      .min(0)
      .default(7 * 86_400_000),
    /** Output of one attempt that is kept, both streams together, in bytes. */
    maxBytesPerHost: z
      .int()
      .min(1)
      .default(1024 ** 3),
  }),
  /** Directory of the durable journal and outbox (A4, A6); by default `journal` beside the spool. */
  journal: z.string().optional(),
  /** Directory of scripts that came with jobs; by default `attachments` beside the spool. */
  attachments: z.string().optional(),
  /**
   * Socket at which a fresh rexec, of an account of its own, answers each connection (packaging/systemd); without it the worker
   * starts rexec itself, under its own account. Scripts and `knownHosts` are for the worker's group to read, then.
   */
  rexecSocket: z.string().optional(),
  /** Loopback address for Prometheus, `127.0.0.1:9647` for example; metrics are served nowhere without it. */
  metricsListen: address
    .refine(
      (text) => /^(127(\.\d{1,3}){3}|localhost|\[::1\]):/.test(text),
      'not on loopback: metrics are served without TLS and token, to this machine alone',
    )
    .optional(),
  /** Whether a job may offer its in-memory agent to hosts (`--forward-agent`). */
  allowAgentForwarding: z.boolean().default(false),
  /** SSH connections open at once, over all jobs. */
  maxConnections: z.int().min(1).max(20_000).default(1000),
  /** Of these, how many may be connecting or authenticating at once: paces the load on hosts and on the worker. */
  maxHandshakes: z.int().min(1).max(2000).default(64),
  /** Authentication methods from outside: name to module path (security.md). */
  authPlugins: z.record(z.string(), z.string()).default({}),
});
export type WorkerConfiguration = z.infer<typeof workerConfigurationSchema>;

/** The one line of JSON that a daemon prints on stdout once it serves. */
export const daemonReadySchema = z.object({
  ready: z.literal(true),
  /** `https://…` of a dispatcher. */
  api: z.string().optional(),
  /** `wss://…` of a dispatcher's worker listener. */
  workers: z.string().optional(),
});
