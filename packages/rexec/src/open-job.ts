/**
 * The first step of a job, taken once: opens the seal and makes ready what all hosts share.
 *
 * 1. The digest is recomputed from the spec that came, and everything later is taken from that spec alone.
 * 2. A method whose credential can't be used is left out; if none is left, no host is dialled.
 */
import { readFile } from 'node:fs/promises';
import { formatTarget, type Outcome, type ReasonCode, resolveTargets } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import { parseKnownHosts, type ResolvedSpec, type RexecOrder, Secret, specDigest } from '@pogo/protocol';
import type { PreparedMethod } from './auth/auth-method.js';
import { loadMethods } from './auth/load-methods.js';
import { JobHostKeys } from './known-hosts/job-host-keys.js';
import { credentialsUnusable, type UnusableMethods } from './login-failure.js';
import { openSeal } from './open-seal.js';
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
  const { password, identities, sealedAtMs, lifetimeMs } = opened.payload;
  if (sealedAtMs > clock.wallMs() + clockToleranceMs) {
    const ahead = Math.round((sealedAtMs - clock.wallMs()) / 1000);
    return denied(
      'credentials-expired',
      `The credentials were sealed ${ahead} s in the future: the clocks of client and worker are apart.`,
    );
  }
  const loaded = await loadMethods({
    names: spec.auth.methods,
    plugins: order.authPlugins,
    credentials: {
      password: password === undefined ? undefined : new Secret(password),
      identities: identities ?? [],
    },
  });
  if (loaded.methods.length === 0) return { ok: false, outcome: credentialsUnusable(loaded.unusable) };
  return {
    ok: true,
    warnings: loaded.warnings,
    job: {
      job: order.job,
      spec,
      targets,
      methods: loaded.methods,
      unusable: loaded.unusable,
      hostKeys: hostKeys.hostKeys,
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
  reason: ReasonCode & ('spec-mismatch' | 'credentials-expired'),
  message: string,
): OpenJobOutcome {
  return { ok: false, outcome: { state: 'denied', reason, message } };
}

function unusable(message: string): OpenJobOutcome {
  return { ok: false, outcome: { state: 'auth-failed', reason: 'credentials-unusable', message } };
}
