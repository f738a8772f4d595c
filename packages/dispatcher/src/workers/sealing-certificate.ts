import { X509Certificate } from 'node:crypto';
import type { Recipient } from '@pogo/protocol';
import { publicKeyId } from '../instance/fingerprint.js';

/** Clocks may differ by this much before a certificate counts as not yet or no longer valid (T3). */
const toleranceMs = 5 * 60_000;

export type SealingCheck = { ok: true; recipient: Recipient } | { ok: false; message: string };

/**
 * Whether a worker may be offered as a recipient: its sealing certificate comes from the sealing root, is in its time,
 * and names the worker that its link certificate names. Clients check the same again against the root that they pin.
 */
export function checkSealingCertificate(
  recipient: Recipient,
  expected: { worker: string; sealingRoot: X509Certificate; nowMs: number },
): SealingCheck {
  const refuse = (cause: string): SealingCheck => ({
    ok: false,
    message: `the sealing certificate of worker ${expected.worker} ${cause}: have one issued by this instance's sealing root`,
  });
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(recipient.certificate);
  } catch {
    return refuse('is not a PEM certificate');
  }
  if (!certificate.checkIssued(expected.sealingRoot) || !certificate.verify(expected.sealingRoot.publicKey)) {
    return refuse('does not come from the sealing root');
  }
  if (expected.nowMs < Date.parse(certificate.validFrom) - toleranceMs) return refuse('is not valid yet');
  if (expected.nowMs > Date.parse(certificate.validTo) + toleranceMs) return refuse('has expired');
  const names = certificate.subject.split('\n').filter((line) => line.startsWith('CN='));
  if (names.length !== 1 || names[0] !== `CN=${expected.worker}` || recipient.worker !== expected.worker) {
    return refuse('names another worker');
  }
  const kid = publicKeyId(certificate);
  if (kid !== recipient.kid) return refuse('has another key than the worker said');
  return { ok: true, recipient: { worker: expected.worker, kid, certificate: recipient.certificate } };
}
