/**
 * What a job is. The client sends a {@link JobRequest}; the dispatcher answers with the {@link ResolvedSpec}, in which
 * nothing is left to interpret; the client checks it and seals the credentials over its digest; rexec recomputes the
 * digest and obeys nothing outside of it.
 */
import * as z from 'zod';
import { canonicalDigest } from './canonical.js';

/** Limits of one job's document; each has an error of its own. */
export const specLimits = {
  /** Bytes of a request's body, host keys and target lists included. */
  maxBytes: 32 * 1024 * 1024,
  maxTargets: 1_000_000,
  maxArguments: 4096,
  /** Bytes of all arguments together, or of a shell string: what Linux takes in one argument. */
  maxCommandBytes: 120 * 1024,
  /** Bytes of a script that travels with the job (`-f`). */
  maxScriptBytes: 100 * 1024 * 1024,
  maxRetries: 100,
  /** How often a host is dialled again. */
  maxUnreachableRetries: 100,
  /** Further tries of a health check: each leaves a line on the host until the end. */
  maxHealthRetries: 100,
  maxHealthIntervalMs: 3_600_000,
  /** How long a command may go on without a connection. */
  minDisconnectMs: 60_000,
  maxDisconnectMs: 7 * 86_400_000,
  maxRampSteps: 100,
} as const;

/** Built-in authentication methods; others are plug-ins of the worker's own configuration. */
export const builtInAuthMethods = ['publickey', 'password', 'keyboard-interactive'] as const;

const withoutNul = (text: string) => !text.includes('\0');
const commandText = z
  .string()
  .max(specLimits.maxCommandBytes, 'command-too-long: a command may have at most 120 KiB')
  .refine(withoutNul, 'nul-byte: a command cannot contain a NUL byte');

export const accountNameSchema = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\s:@/\0-\x1f-][^\s:@/\0-\x1f]*$/, 'not an account name');
export const portSchema = z.int().min(1).max(65535);

/** SHA-256 of an attachment's bytes: what it is stored and asked for by. */
export const attachmentHashSchema = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');

export const commandSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('argv'),
    /** Program and arguments; they arrive byte for byte, no shell reads them. */
    argv: z.array(commandText).min(1).max(specLimits.maxArguments),
  }),
  z.strictObject({
    kind: z.literal('shell'),
    /** Read by the host's /bin/sh. */
    script: commandText.min(1),
  }),
  z.strictObject({
    kind: z.literal('script'),
    /** File name on the host, and what the command is called in messages. */
    name: z.string().regex(/^[A-Za-z0-9_+@%][A-Za-z0-9._+@%-]{0,127}$/, 'not a plain file name'),
    sha256: attachmentHashSchema,
    bytes: z
      .int()
      .min(0)
      .max(specLimits.maxScriptBytes, 'script-too-large: a script may have at most 100 MiB'),
    args: z.array(commandText).max(specLimits.maxArguments),
  }),
]);
export type Command = z.infer<typeof commandSchema>;

export const hostKeyPolicySchema = z.enum(['strict', 'accept-new']);
export type HostKeyPolicy = z.infer<typeof hostKeyPolicySchema>;

/** Host keys that the client vouches for: hosts as a folded expression, keys as `type base64`. */
export const knownHostKeysSchema = z.strictObject({
  hosts: z.string(),
  keys: z.array(z.string().regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/, 'not an SSH public key')).max(32),
});
export type KnownHostKeys = z.infer<typeof knownHostKeysSchema>;

const variableName = 'a variable must be named POGO_ and capital letters, digits or _';

/** What reaches hosts: everything here is under the seal. */
const sealedParts = {
  command: commandSchema,
  /** Account and port for hosts that don't name their own. */
  user: accountNameSchema,
  port: portSchema,
  auth: z.strictObject({
    /** Tried in this order, and no others. */
    methods: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'not a method name'))
      .min(1)
      .max(16)
      .refine((methods) => new Set(methods).size === methods.length, 'a method is named twice'),
  }),
  hostKeys: z.strictObject({
    policy: hostKeyPolicySchema,
    known: z.array(knownHostKeysSchema),
  }),
  timeouts: z.strictObject({
    /** TCP connection, in milliseconds. */
    connectMs: z.int().min(1).max(600_000),
    /** From the TCP connection to the end of authentication, in milliseconds. */
    handshakeMs: z.int().min(1).max(600_000),
    /** The command itself, and each other step, in milliseconds; measured on the host. */
    commandMs: z
      .int()
      .min(1)
      .max(31 * 86_400_000),
  }),
  /** Account that the command runs as, by sudo; absent: the account that logged in (P10). */
  runAs: accountNameSchema.optional(),
  /** Offers the in-memory agent to the host, to sign and to list only; absent: no. */
  forwardAgent: z.literal(true).optional(),
  /** How often the command is run again on a host where it exited non-zero, 5 s apart (S11); absent: never. */
  retries: z.int().min(1).max(specLimits.maxRetries).optional(),
  /** How often a host is dialled again, with growing pauses, where nothing was tried yet (S11); absent: never. */
  unreachableRetries: z.int().min(1).max(specLimits.maxUnreachableRetries).optional(),
  /** The command goes on without its connection, and rexec attaches to it again; absent: it ends with that. */
  surviveDisconnect: z
    .strictObject({
      /** After so long without anybody attached the host ends the command, and rexec gives up; in milliseconds. */
      limitMs: z.int().min(specLimits.minDisconnectMs).max(specLimits.maxDisconnectMs),
    })
    .optional(),
  /** Which of the host's own hooks are passed over; absent: none. */
  hooks: z
    .strictObject({
      /** Those in `/etc/pogo/pre.d`, before everything else. */
      pre: z.literal(false).optional(),
      /** Those in `/etc/pogo/post.d`, after the command has succeeded. */
      post: z.literal(false).optional(),
    })
    .optional(),
  /** Read by the host's /bin/sh before the command, behind the host's own hooks; unless it exits with 0 nothing follows. */
  pre: commandText.min(1).optional(),
  /** Read by the host's /bin/sh after the command has succeeded, before the host's own hooks. */
  post: commandText.min(1).optional(),
  /** The host is done only when this succeeds, after all else has. */
  health: z
    .strictObject({
      /** Read by the host's /bin/sh; exits with 0 where the host is well. */
      command: commandText.min(1),
      /** Further tries. */
      retries: z.int().min(0).max(specLimits.maxHealthRetries),
      /** Between two tries, in milliseconds. */
      intervalMs: z.int().min(0).max(specLimits.maxHealthIntervalMs),
    })
    .optional(),
  /** The namespace's limits and sequences don't hold the job back; its hosts count for everyone else (S5); absent: they do. */
  unconstrained: z.literal(true).optional(),
  /** Hosts that the namespace doesn't know are meant, although it has constraints (S6); absent: they are refused. */
  allowUnknown: z.literal(true).optional(),
  /** Hosts of a later app go on when one of an earlier app has ended otherwise than by success (S4); absent: they wait. */
  onPredecessorFailure: z.literal('continue').optional(),
  /** Variables of the command's environment besides Pogo's own. Only `POGO_*`: others could steer the stub itself. */
  environment: z
    // A record drops a member of this name without a word.
    .custom<unknown>((value) => !Object.hasOwn(Object(value), '__proto__'), variableName)
    .pipe(
      z.record(
        z.string().regex(/^POGO_[A-Z0-9_]{1,120}$/, variableName),
        z.string().max(32_768).refine(withoutNul, 'nul-byte'),
      ),
    ),
};

const durationMs = z
  .int()
  .min(0)
  .max(31 * 86_400_000);

/** A few hosts first (S9). */
export const rampSchema = z.strictObject({
  /** Most hosts that may have been started at the end of each step; in one more step all of them may. */
  steps: z
    .array(z.int().min(1))
    .min(1)
    .max(specLimits.maxRampSteps)
    .refine((steps) => steps.every((step, at) => at === 0 || step > steps[at - 1]!), 'steps must rise'),
  /** Between two steps, in milliseconds; null: until somebody confirms. */
  pauseMs: durationMs.nullable(),
});

/** What `pogo alter` may change later; outside of the seal. */
export const jobLimitsSchema = z.strictObject({
  concurrent: z.int().min(1).nullable(),
  maxFailures: z.int().min(1).nullable(),
  jobTimeoutMs: z
    .int()
    .min(1)
    .max(31 * 86_400_000),
  ramp: rampSchema.optional(),
});

/** The same as a person writes it: counts may be percentages of the job's hosts. */
const countText = z.string().regex(/^\d{1,7}%?$/, 'neither a count nor a percentage');
export const requestedLimitsSchema = z.strictObject({
  concurrent: countText.nullable(),
  maxFailures: countText.nullable(),
  jobTimeoutMs: jobLimitsSchema.shape.jobTimeoutMs,
  /** All hosts at the end, whether or not the last step says so. */
  ramp: z
    .strictObject({
      steps: z.array(countText).min(1).max(specLimits.maxRampSteps),
      pauseMs: rampSchema.shape.pauseMs,
    })
    .optional(),
});
export type RequestedLimits = z.infer<typeof requestedLimitsSchema>;

export const jobRequestSchema = z.strictObject({
  version: z.literal(1),
  namespace: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'not a namespace name'),
  /** Target expression (scheduling.md); files in it were read by the client. */
  targets: z.string().min(1),
  ...sealedParts,
  limits: requestedLimitsSchema,
});
export type JobRequest = z.infer<typeof jobRequestSchema>;

export const resolvedSpecSchema = z.strictObject({
  version: z.literal(1),
  namespace: jobRequestSchema.shape.namespace,
  /** Who the dispatcher takes the submitter to be. */
  submitter: z.string().min(1).max(256),
  /** Folded canonical list of `user@host:port`, in order; a host's index in it is its name in log and links. */
  targets: z.string().min(1),
  ...sealedParts,
  /** How long the sealed credentials may be used after sealing, in milliseconds. */
  lifetimeMs: z
    .int()
    .min(1000)
    .max(31 * 86_400_000),
});
export type ResolvedSpec = z.infer<typeof resolvedSpecSchema>;

/** The digest that credentials are sealed over. */
export function specDigest(spec: ResolvedSpec): string {
  return canonicalDigest(spec);
}

export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest');
