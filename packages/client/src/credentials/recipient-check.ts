/**
 * Is this worker one that the sealing root vouches for? The client pins that root, so that a dispatcher can't invent a
 * worker and be handed credentials (security.md, "Sealing").
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import type { Recipient } from '@pogo/protocol';

/** Clocks may differ by this much (T3). */
const clockToleranceMs = 5 * 60_000;
const sealingRoles = ['sealing', 'worker'];

export type RecipientCheck =
  | { readonly ok: true; readonly publicKey: KeyObject }
  /** Why credentials must not be sealed for it; a clause that follows the worker's name. */
  | { readonly ok: false; readonly reason: string };

/** @param nowMs wall clock, milliseconds since 1970 */
export function checkRecipient(
  recipient: Recipient,
  sealingRoot: X509Certificate,
  nowMs: number,
): RecipientCheck {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(recipient.certificate);
  } catch {
    return refuse('shows something that is not a certificate');
  }
  if (!certificate.checkIssued(sealingRoot) || !certificate.verify(sealingRoot.publicKey)) {
    return refuse('has a certificate that the pinned sealing root did not sign');
  }
  if (certificate.ca) return refuse('shows a certificate for issuing certificates');
  if (nowMs < Date.parse(certificate.validFrom) - clockToleranceMs) {
    return refuse(`has a certificate that is valid only from ${certificate.validFrom}: check the clocks`);
  }
  if (nowMs > Date.parse(certificate.validTo) + clockToleranceMs) {
    return refuse(`has a certificate that was valid until ${certificate.validTo}`);
  }
  const subject = certificate.subject.split('\n');
  if (
    !sealingRoles.some((role) => subject.includes(`OU=${role}`)) ||
    subject.filter((part) => part.startsWith('OU=')).length !== 1
  ) {
    return refuse('has a certificate that is not one of a worker');
  }
  if (
    !subject.includes(`CN=${recipient.worker}`) ||
    subject.filter((part) => part.startsWith('CN=')).length !== 1
  ) {
    return refuse('has the certificate of another worker');
  }
  const { publicKey } = certificate;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  if (recipient.kid !== `sha256:${createHash('sha256').update(spki).digest('hex')}`) {
    return refuse('has a key id that is not that of its certificate');
  }
  if (publicKey.asymmetricKeyType !== 'rsa' || (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
    return refuse('has a key that is not RSA of at least 2048 bits');
  }
  return { ok: true, publicKey };
}

function refuse(reason: string): RecipientCheck {
  return { ok: false, reason };
}
