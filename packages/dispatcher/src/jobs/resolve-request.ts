/**
 * From what was asked to what will be done: hosts expanded, accounts and ports filled in, percentages counted. Pure.
 * What it makes is what the client seals over, so equal requests give equal specs.
 */
import { type JobLimits, type Namespace, type TargetError } from '@pogo/core';
import { authMethodNeeds, type JobRequest, type ResolvedSpec } from '@pogo/protocol';
import { placeTargets } from '../namespaces/place-targets.js';
import { HostList } from './host-names.js';
import { type LimitsOutcome, resolveLimits } from './resolve-limits.js';

export interface Resolution {
  spec: ResolvedSpec;
  limits: JobLimits;
  hosts: HostList;
  /** For people. */
  warnings: string[];
}

export type ResolveOutcome =
  | { kind: 'resolved'; resolution: Resolution }
  | { kind: 'target-error'; error: TargetError }
  | { kind: 'no-targets' }
  /** Folded names that the namespace doesn't know, which has constraints (S6). */
  | { kind: 'unknown-hosts'; hosts: string }
  | Extract<LimitsOutcome, { kind: 'invalid-limit' }>;

export function resolveRequest(
  request: JobRequest,
  context: { submitter: string; lifetimeMs: number; namespace: Namespace | undefined },
): ResolveOutcome {
  const placed = placeTargets(request.targets, {
    namespace: context.namespace,
    allowUnknown: request.allowUnknown === true,
  });
  if (placed.kind !== 'placed') return placed;
  const { targets } = placed;
  const resolved = resolveLimits(request.limits, targets.length);
  if (resolved.kind !== 'resolved') return resolved;
  const { ramp, ...others } = resolved.limits;
  const limits: JobLimits = {
    concurrent: null,
    maxFailures: null,
    jobTimeoutMs: request.limits.jobTimeoutMs,
    ...others,
    ...(ramp && { ramp }),
  };
  const { warnings } = resolved;
  warnings.push(...hostKeyWarnings(request));
  const { limits: _limits, targets: _targets, ...sealed } = request;
  const hosts = new HostList(placed.hosts);
  const spec: ResolvedSpec = {
    ...sealed,
    submitter: context.submitter,
    targets: hosts.folder.foldAs(
      targets.map(({ user, port }) =>
        user === undefined && port === undefined
          ? request
          : { user: user ?? request.user, port: port ?? request.port },
      ),
    ),
    lifetimeMs: context.lifetimeMs,
  };
  return { kind: 'resolved', resolution: { spec, limits, hosts, warnings } };
}

function hostKeyWarnings({ hostKeys, auth }: JobRequest): string[] {
  if (hostKeys.policy !== 'accept-new') return [];
  const passwords = auth.methods.filter((name) => authMethodNeeds[name] === 'password');
  if (passwords.length === 0) return [];
  return [
    `host keys are accepted on first sight (accept-new): ${passwords.join(' and ')} will not be used with hosts whose key is not known`,
  ];
}

/** Whether the job may send a password, to sshd or to sudo (security.md, "Passwords are tried with care"). */
export function provesPassword({ auth, runAs }: Pick<ResolvedSpec, 'auth' | 'runAs'>): boolean {
  return runAs !== undefined || auth.methods.some((name) => authMethodNeeds[name] === 'password');
}

const maxTitleLength = 80;

/** The command in one short line, for lists. */
export function titleOf({ command }: ResolvedSpec): string {
  const text = textOf(command);
  const line = text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
  const characters = [...line];
  return characters.length <= maxTitleLength ? line : `${characters.slice(0, maxTitleLength - 1).join('')}…`;
}

function textOf(command: ResolvedSpec['command']): string {
  switch (command.kind) {
    case 'shell':
      return command.script;
    case 'argv':
      return command.argv.map(quoteArgument).join(' ');
    case 'script':
      return [command.name, ...command.args].map(quoteArgument).join(' ');
  }
}

function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
