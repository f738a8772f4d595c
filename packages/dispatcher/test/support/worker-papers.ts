/** Keys and certificates of one more worker of an instance, besides the one that each has. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type CertificateRole, issueCertificate } from '../../src/instance/issue-certificate.js';
import type { TestInstance } from './instance.js';

export interface WorkerPapers {
  readonly name: string;
  readonly linkKey: string;
  readonly linkCertificate: string;
  readonly sealingCertificate: string;
}

export function issuePapers({ layout, read }: TestInstance, name: string): WorkerPapers {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const { linkRootCertificate, linkRootKey, sealingRootCertificate, sealingRootKey } = layout.instance;
  const issue = (role: CertificateRole, certificate: string, key: string) =>
    issueCertificate({
      name,
      role,
      privateKey,
      issuer: { certificate: read(certificate), privateKey: read(key) },
      notBeforeMs: Date.now() - 100_000,
      notAfterMs: Date.now() + 1_000_000,
      serial: randomBytes(16),
    });
  return {
    name,
    linkKey: privateKey,
    linkCertificate: issue('worker', linkRootCertificate, linkRootKey),
    sealingCertificate: issue('sealing', sealingRootCertificate, sealingRootKey),
  };
}
