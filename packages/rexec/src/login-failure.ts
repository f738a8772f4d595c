/** Outcomes of hosts on which nobody got as far as a command: one sentence each, never with a secret. */
import type { Outcome } from '@pogo/core';
import type { HostLogin, Untried } from './auth/host-login.js';
import { escapeHostText } from './escape-text.js';
import type { HostKeyCheck } from './known-hosts/host-key-check.js';

export function hostKeyFailure(shown: string, keys: HostKeyCheck): Outcome {
  switch (keys.verdict?.kind) {
    case 'changed':
      return {
        state: 'auth-failed',
        reason: 'host-key-changed',
        message: `${shown} showed the host key ${keys.shown}, but the known one is ${keys.known}; no credential was sent.`,
      };
    case 'revoked':
      return {
        state: 'auth-failed',
        reason: 'host-key-revoked',
        message: `${shown} showed the host key ${keys.shown}, which is marked as revoked; no credential was sent.`,
      };
    default:
      return {
        state: 'auth-failed',
        reason: 'host-key-unknown',
        message: `${shown} showed the host key ${keys.shown}, and no key of it is known; no credential was sent.`,
      };
  }
}

/** Methods of the job that can't be used on any host, and why: those that `prepare` refused. */
export type UnusableMethods = ReadonlyMap<string, string>;

export interface LoginFailureOptions {
  /** `user@host:port` */
  readonly shown: string;
  readonly login: HostLogin;
  readonly unusable: UnusableMethods;
  /** What the connection's end said, if that ended the login. */
  readonly detail: string | undefined;
}

export function loginFailure({ shown, login, unusable, detail }: LoginFailureOptions): Outcome {
  const methodsTried = login.tried.map(({ name }) => name);
  const because = detail === undefined ? '' : `: ${escapeHostText(detail)}`;
  const untried = new Set(login.untried.values());
  const notes = noteUntried(login, unusable);
  const outcome = (reason: Outcome['reason'], text: string): Outcome => ({
    state: 'auth-failed',
    reason,
    message: `${text}${because}${notes === '' ? '' : ` (${notes})`}.`,
    methodsTried,
  });
  if (login.faulty.length > 0) {
    return outcome(
      'credentials-unusable',
      `${shown} was not logged in to: ${login.faulty.join(', ')} failed by itself, which is a fault of its plug-in`,
    );
  }
  if (methodsTried.length > 0) {
    const tried = login.tried
      .map(({ name, shown: credential }) => (credential === '' ? name : `${name} with ${credential}`))
      .join(', ');
    const only = login.tried.length === 1 ? login.tried[0] : undefined;
    if (only !== undefined && login.passwordSent) {
      return outcome('password-refused', `${shown} refused the password by ${only.name}`);
    }
    if (only?.sshName === 'publickey') return outcome('key-refused', `${shown} refused ${tried}`);
    return outcome('methods-refused', `${shown} refused every method that was tried: ${tried}`);
  }
  if (untried.has('withheld')) {
    return outcome(
      'password-withheld',
      `${shown} was not asked, since other hosts refused the same password`,
    );
  }
  if (untried.has('host-key-unproven')) {
    return outcome(
      'host-key-unproven',
      `${shown} was not sent the password, since its host key is known on first sight only`,
    );
  }
  if (login.offered === undefined) {
    return {
      state: 'unreachable',
      reason: 'handshake',
      message: `${shown} ended the connection during the login${because}.`,
      methodsTried,
    };
  }
  const offered = login.offered.map(escapeHostText).join(', ');
  return outcome(
    'no-common-method',
    `${shown} offers ${offered === '' ? 'no method at all' : `only ${offered}`}`,
  );
}

/** No method of the job can be used, on any host. */
export function credentialsUnusable(unusable: UnusableMethods): Outcome {
  const each = [...unusable].map(([name, message]) => `${name}: ${message}`).join('; ');
  return {
    state: 'auth-failed',
    reason: 'credentials-unusable',
    message: `No method of the job can be used (${each}).`,
    methodsTried: [],
  };
}

const clauses: Record<Untried, string> = {
  'not-offered': 'is not offered',
  'password-used': 'would have sent the same password again',
  'host-key-unproven': 'was held back, since the host key is known on first sight only',
  withheld: 'was held back, since other hosts refused the same password',
  faulty: 'failed by itself',
};

function noteUntried(login: HostLogin, unusable: UnusableMethods): string {
  const untried = [...login.untried].map(([name, why]) => `${name} ${clauses[why]}`);
  return [...untried, ...[...unusable].map(([name, message]) => `${name}: ${message}`)].join('; ');
}
