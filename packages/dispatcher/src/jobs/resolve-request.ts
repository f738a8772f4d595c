/**
 * From what was asked to what will be done: hosts expanded, accounts and ports filled in, percentages counted. Pure.
 * What it makes is what the client seals over, so equal requests give equal specs.
 */
import { foldTargets, type JobLimits, type Namespace, type TargetError } from '@pogo/core';
import { authMethodNeeds, type JobRequest, type ResolvedSpec } from '@pogo/protocol';
import { placeTargets } from '../namespaces/place-targets.js';
import { HostList } from './host-names.js';

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
  | { kind: 'invalid-limit'; member: 'concurrent' | 'maxFailures'; message: string };

export function resolveRequest(
  request: JobRequest,
  context: { submitter: string; lifetimeMs: number; namespace: Namespace | undefined },
): ResolveOutcome {
  const placed = placeTargets(request.targets, {
    namespace: context.namespace,
    allowUnknown: request.allowUnknown === true,
  });
  if (placed.kind !== 'placed') return placed;
  const targets = placed.targets.map(({ host, user, port }) => ({
    host,
    user: user ?? request.user,
    port: port ?? request.port,
  }));
  const warnings: string[] = [];
  const limits: JobLimits = {
    concurrent: null,
    maxFailures: null,
    jobTimeoutMs: request.limits.jobTimeoutMs,
  };
  for (const member of ['concurrent', 'maxFailures'] as const) {
    const text = request.limits[member];
    if (text === null) continue;
    const count = countOf(text, targets.length);
    if (count === undefined) {
      return {
        kind: 'invalid-limit',
        member,
        message: `${text} allows no host at all: it must be at least 1`,
      };
    }
    if (count.raised)
      warnings.push(`${member} ${text} of ${targets.length} hosts is less than one: 1 is used`);
    limits[member] = count.value;
  }
  warnings.push(...hostKeyWarnings(request));
  const { limits: _limits, targets: _targets, ...sealed } = request;
  const spec: ResolvedSpec = {
    ...sealed,
    submitter: context.submitter,
    targets: foldTargets(targets),
    lifetimeMs: context.lifetimeMs,
  };
  const hosts = new HostList(targets.map(({ host }) => host));
  return { kind: 'resolved', resolution: { spec, limits, hosts, warnings } };
}

/** A count, or a percentage of the hosts rounded down, but at least 1 (as S2); undefined for zero. */
export function countOf(text: string, hosts: number): { value: number; raised: boolean } | undefined {
  const number = Number(text.replace('%', ''));
  if (number === 0) return undefined;
  if (!text.endsWith('%')) return { value: number, raised: false };
  const share = Math.floor((number * hosts) / 100);
  return { value: Math.max(1, share), raised: share === 0 };
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
