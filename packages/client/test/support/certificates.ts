import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import forge from 'node-forge';

export interface IssuedCertificate {
  /** PEM. */
  certificate: string;
  /** PEM, PKCS#8. */
  key: string;
}

export interface CertificateOptions {
  cn: string;
  ou: string;
  issuer?: IssuedCertificate;
  ca?: boolean;
  notBefore?: Date;
  notAfter?: Date;
}

const day = 86_400_000;
let serial = 1;

/** A certificate as an instance issues them; without an issuer it signs itself. */
export function issue(options: CertificateOptions): IssuedCertificate {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = (0x1000 + serial++).toString(16);
  certificate.validity.notBefore = options.notBefore ?? new Date(Date.now() - day);
  certificate.validity.notAfter = options.notAfter ?? new Date(Date.now() + day);
  const subject = [
    { shortName: 'OU', value: options.ou },
    { shortName: 'CN', value: options.cn },
  ];
  certificate.setSubject(subject);
  const issuer = options.issuer && forge.pki.certificateFromPem(options.issuer.certificate);
  certificate.setIssuer(issuer ? issuer.subject.attributes : subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: options.ca ?? options.issuer === undefined, critical: true },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(options.issuer?.key ?? privateKey), forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: privateKey };
}

/** `sha256:<hex>` of the certificate's public key. */
export function keyIdOf(certificate: string): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** What one instance has: roots, a dispatcher, a worker's sealing certificate. */
export interface TestInstance {
  linkRoot: IssuedCertificate;
  sealingRoot: IssuedCertificate;
  dispatcher: IssuedCertificate;
  sealing: IssuedCertificate;
}

export function newInstance(): TestInstance {
  const linkRoot = issue({ cn: 'link root', ou: 'root' });
  const sealingRoot = issue({ cn: 'sealing root', ou: 'root' });
  return {
    linkRoot,
    sealingRoot,
    dispatcher: issue({ cn: 'dispatcher-1', ou: 'dispatcher', issuer: linkRoot }),
    sealing: issue({ cn: 'worker-1', ou: 'sealing', issuer: sealingRoot }),
  };
}
