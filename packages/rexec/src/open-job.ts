/**
 * The first step of a job, taken once: opens the seal and makes ready what all hosts share.
 *
 * 1. The digest is recomputed from the spec that came, and everything later is taken from that spec alone.
 * 2. A method whose credential can't be used is left out; if none is left, no host is dialled.
 */
import { readFile } from 'node:fs/promises';
import { formatTarget, type Outcome, type ReasonCode, resolveTargets } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import {
  parseKnownHosts,
  type ResolvedSpec,
  type RexecOrder,
  type SealedPayload,
  Secret,
  specDigest,
} from '@pogo/protocol';
import type { JobCredentials, PreparedMethod } from './auth/auth-method.js';
import { loadMethods } from './auth/load-methods.js';
import type { KeyAgent } from './identities/key-agent.js';
import { type OpenedIdentities, parseIdentities } from './identities/parse-identity.js';
import { JobHostKeys } from './known-hosts/job-host-keys.js';
import { credentialsUnusable, type UnusableMethods } from './login-failure.js';
import { openSeal } from './open-seal.js';
import { measureScript } from './script-upload.js';
import type { Target } from './transport/transport.js';

export type OpenOrder = Extract<RexecOrder, { type: 'open' }>;

/** What is ready for every host of the job. */
export interface OpenedJob {
  readonly job: number;
  readonly spec: ResolvedSpec;
  /** By the host's index. */
  readonly targets: readonly Target[];
  readonly methods: readonly PreparedMethod[];
  readonly unusable: UnusableMethods;
  readonly hostKeys: JobHostKeys;
  /** Offered to the hosts, where the job asks for that and the worker allows it. */
  readonly forwardedAgent: KeyAgent | undefined;
  /** For sudo's prompt. */
  readonly sudoPassword: Secret | undefined;
  /** The job's script on the worker: what was in it when the job was opened is what the spec names. */
  readonly scriptFile: string | undefined;
  readonly outputLimitBytes: number;
  /** Wall-clock instant after which the credentials may not be used, in milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export type OpenJobOutcome =
  | { readonly ok: true; readonly job: OpenedJob; readonly warnings: readonly string[] }
  /** Every host of the job ends so. */
  | { readonly ok: false; readonly outcome: Outcome };

/** How far clocks of client and worker may be apart (T3). */
export const clockToleranceMs = 5 * 60_000;

export async function openJob(order: OpenOrder, clock: Clock): Promise<OpenJobOutcome> {
  const { spec } = order;
  const digest = specDigest(spec);
  if (digest !== order.digest) {
    return denied(
      'spec-mismatch',
      `The order describes another job (${digest}) than it says (${order.digest}).`,
    );
  }
  const targets = expandTargets(spec);
  if (targets === undefined) return denied('spec-mismatch', 'The target list of the order cannot be read.');
  const hostKeys = JobHostKeys.index(spec, parseKnownHosts(await readText(order.workerKnownHostsFile)));
  if (!hostKeys.ok) {
    return denied('spec-mismatch', `The sealed host keys cannot be read (${hostKeys.message}).`);
  }
  if (spec.forwardAgent === true && !order.allowAgentForwarding) {
    return denied(
      'agent-forwarding-not-allowed',
      'The job wants its agent forwarded, which this worker does not allow.',
    );
  }
  const script = await checkScript(spec, order.scriptFile);
  if (script !== undefined) return denied(script.reason, script.message);
  const sealingKey = await readFile(order.sealingKeyFile).catch(() => undefined);
  if (sealingKey === undefined) {
    return unusable(`The worker cannot read its sealing key ${order.sealingKeyFile}.`);
  }
  const opened = await openSeal({ credentials: order.credentials, digest, sealingKey, kid: order.kid });
  sealingKey.fill(0);
  if (!opened.ok) {
    const message = `Nothing was sent to any host: ${opened.message}.`;
    return opened.reason === 'spec-mismatch' ? denied('spec-mismatch', message) : unusable(message);
  }
  const { sealedAtMs, lifetimeMs } = opened.payload;
  if (sealedAtMs > clock.wallMs() + clockToleranceMs) {
    const ahead = Math.round((sealedAtMs - clock.wallMs()) / 1000);
    return denied(
      'credentials-expired',
      `The credentials were sealed ${ahead} s in the future: the clocks of client and worker are apart.`,
    );
  }
  const credentials = credentialsOf(opened.payload);
  const loaded = await loadMethods({
    names: spec.auth.methods,
    plugins: order.authPlugins,
    credentials,
    clock,
  });
  if (loaded.methods.length === 0) return { ok: false, outcome: credentialsUnusable(loaded.unusable) };
  const forwarded = spec.forwardAgent === true ? credentials.openIdentities() : undefined;
  const warnings = new Set([...loaded.warnings, ...(forwarded?.warnings ?? [])]);
  return {
    ok: true,
    warnings: [...warnings],
    job: {
      job: order.job,
      spec,
      targets,
      methods: loaded.methods,
      unusable: loaded.unusable,
      hostKeys: hostKeys.hostKeys,
      forwardedAgent: forwarded?.agent,
      sudoPassword: credentials.sudoPassword,
      scriptFile: order.scriptFile,
      outputLimitBytes: order.outputLimitBytes,
      expiresAtMs: sealedAtMs + Math.min(lifetimeMs, spec.lifetimeMs) + clockToleranceMs,
    },
  };
}

/** `user@host:port` as people write it. */
export function showTarget({ host, port, user }: Target): string {
  return formatTarget({ host, port, user });
}

export function credentialsExpired(): Outcome {
  return {
    state: 'denied',
    reason: 'credentials-expired',
    message: 'Nothing was sent to the host: the sealed credentials are past their lifetime.',
  };
}

/** The seal's contents, as the methods see them. */
function credentialsOf(
  payload: SealedPayload,
): JobCredentials & { readonly sudoPassword: Secret | undefined } {
  const secretOf = (text: string | undefined) => (text === undefined ? undefined : new Secret(text));
  const password = secretOf(payload.password);
  let opened: OpenedIdentities | undefined;
  return {
    password,
    sudoPassword: secretOf(payload.sudoPassword) ?? password,
    identities: payload.identities ?? [],
    openIdentities: () => (opened ??= parseIdentities(payload.identities ?? [])),
    secrets: new Map(Object.entries(payload.secrets ?? {}).map(([name, text]) => [name, new Secret(text)])),
  };
}

/** Not the worker's word alone: the script is in the sealed digest by its hash. */
async function checkScript(
  { command }: ResolvedSpec,
  file: string | undefined,
): Promise<{ reason: 'attachment-unavailable' | 'spec-mismatch'; message: string } | undefined> {
  if (command.kind !== 'script') return undefined;
  const measured = file === undefined ? 'the worker has none' : await measureScript(file);
  if (typeof measured === 'string') {
    return {
      reason: 'attachment-unavailable',
      message: `The script ${command.name} cannot be read on the worker (${measured}).`,
    };
  }
  if (measured.sha256 === command.sha256 && measured.bytes === command.bytes) return undefined;
  return {
    reason: 'spec-mismatch',
    message: `The script ${command.name} on the worker is not the one that the job was sealed for.`,
  };
}

function expandTargets(spec: ResolvedSpec): Target[] | undefined {
  const expanded = resolveTargets(spec.targets);
  if (!expanded.ok) return undefined;
  return expanded.targets.map(({ host, user, port }) => ({
    host,
    user: user ?? spec.user,
    port: port ?? spec.port,
  }));
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function denied(
  reason: ReasonCode &
    ('spec-mismatch' | 'credentials-expired' | 'agent-forwarding-not-allowed' | 'attachment-unavailable'),
  message: string,
): OpenJobOutcome {
  return { ok: false, outcome: { state: 'denied', reason, message } };
}

function unusable(message: string): OpenJobOutcome {
  return { ok: false, outcome: { state: 'auth-failed', reason: 'credentials-unusable', message } };
}
