/**
 * Issues the instance's X.509 certificates. Keys come from Node (fast, in the thread pool), the structure from
 * node-forge, and the signature from Node again: RSA, always SHA-256.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import forge from 'node-forge';

/** What a certificate says of its holder: OU, as the links read it. */
export type CertificateRole = 'root' | 'dispatcher' | 'worker' | 'sealing';

export interface CertificateRequest {
  /** CN: the name that links and clients go by. */
  name: string;
  role: CertificateRole;
  /** PEM of the holder's private key; the certificate carries its public half. */
  privateKey: string;
  /** Of the issuer; absent for a root, which signs itself. */
  issuer?: { certificate: string; privateKey: string };
  /** DNS names and IP addresses under which a server is reached. */
  hosts?: { dns: readonly string[]; addresses: readonly string[] };
  /** Wall clock, milliseconds since 1970. */
  notBeforeMs: number;
  notAfterMs: number;
  /** 16 random bytes. */
  serial: Uint8Array;
}

/** The certificate as PEM. */
export function issueCertificate(request: CertificateRequest): string {
  const { pki, md, asn1 } = forge;
  const certificate = pki.createCertificate();
  const holder = pki.privateKeyFromPem(request.privateKey);
  certificate.publicKey = pki.setRsaPublicKey(holder.n, holder.e);
  // A leading zero bit keeps the serial positive, a leading one its length.
  const serial = Buffer.from(request.serial);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  certificate.serialNumber = serial.toString('hex');
  certificate.validity.notBefore = new Date(request.notBeforeMs);
  certificate.validity.notAfter = new Date(request.notAfterMs);
  const subject = [
    { shortName: 'O', value: 'Pogo' },
    { shortName: 'OU', value: request.role },
    { shortName: 'CN', value: request.name },
  ];
  certificate.setSubject(subject);
  certificate.setIssuer(
    request.issuer ? pki.certificateFromPem(request.issuer.certificate).subject.attributes : subject,
  );
  certificate.setExtensions(extensionsOf(request));

  const signer = pki.privateKeyFromPem(request.issuer?.privateKey ?? request.privateKey);
  const signingKey: KeyObject = createPrivateKey(request.issuer?.privateKey ?? request.privateKey);
  // forge's own RSA is written in JavaScript: 20 times slower than the same signature by Node.
  signer.sign = () =>
    sign(
      'sha256',
      Buffer.from(asn1.toDer(certificate.tbsCertificate).getBytes(), 'binary'),
      signingKey,
    ).toString('binary');
  certificate.sign(signer, md.sha256.create());
  return pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

function extensionsOf(request: CertificateRequest): object[] {
  if (request.role === 'root') {
    return [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      { name: 'subjectKeyIdentifier' },
    ];
  }
  const extensions: object[] = [{ name: 'basicConstraints', cA: false, critical: true }];
  if (request.role === 'sealing') {
    extensions.push({ name: 'keyUsage', keyEncipherment: true, critical: true });
  } else {
    extensions.push(
      { name: 'keyUsage', digitalSignature: true, critical: true },
      // Links go both ways: a part may be the client of one and the server of another.
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    );
  }
  const { dns, addresses } = request.hosts ?? { dns: [request.name], addresses: [] };
  extensions.push({
    name: 'subjectAltName',
    altNames: [...dns.map((value) => ({ type: 2, value })), ...addresses.map((ip) => ({ type: 7, ip }))],
  });
  return extensions;
}
