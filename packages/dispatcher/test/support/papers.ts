/** Keys and certificates of one more worker or dispatcher of an instance, besides those that each has. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type CertificateRole, issueCertificate } from '../../src/instance/issue-certificate.js';
import type { TestInstance } from './instance.js';

export interface Papers {
  readonly name: string;
  readonly linkKey: string;
  readonly linkCertificate: string;
  readonly sealingCertificate: string;
}

export function issuePapers(
  { layout, read }: TestInstance,
  name: string,
  role: 'worker' | 'dispatcher' = 'worker',
): Papers {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const { linkRootCertificate, linkRootKey, sealingRootCertificate, sealingRootKey } = layout.instance;
  const issue = (of: CertificateRole, certificate: string, key: string) =>
    issueCertificate({
      name,
      role: of,
      privateKey,
      ...(of === 'dispatcher' && { hosts: { dns: [name], addresses: ['127.0.0.1'] } }),
      issuer: { certificate: read(certificate), privateKey: read(key) },
      notBeforeMs: Date.now() - 100_000,
      notAfterMs: Date.now() + 1_000_000,
      serial: randomBytes(16),
    });
  return {
    name,
    linkKey: privateKey,
    linkCertificate: issue(role, linkRootCertificate, linkRootKey),
    sealingCertificate: issue('sealing', sealingRootCertificate, sealingRootKey),
  };
}
