import type { PeerCertificate } from 'node:tls';
import type { PeerIdentity, PeerRole } from './peer.js';

const roles: readonly PeerRole[] = ['worker', 'dispatcher'];
const namePattern = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/**
 * Reads role (subject OU) and name (subject CN) of a certificate that was verified against the link root. Undefined
 * when it doesn't name exactly one of each: a certificate that says two things is not taken to say either.
 */
export function certificateIdentity(certificate: PeerCertificate | undefined): PeerIdentity | undefined {
  const subject: { CN?: unknown; OU?: unknown } = certificate?.subject ?? {};
  const role = roles.find((candidate) => candidate === subject.OU);
  if (role === undefined || typeof subject.CN !== 'string' || !namePattern.test(subject.CN)) return undefined;
  return { role, name: subject.CN };
}
