import { createHash, X509Certificate } from 'node:crypto';

/** `sha256:<hex>` of the DER of the certificate's public key (SPKI): how a key is named wherever it is shown or chosen. */
export function publicKeyId(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** The same for a PEM certificate. */
export function certificateKeyId(pem: string): string {
  return publicKeyId(new X509Certificate(pem));
}
