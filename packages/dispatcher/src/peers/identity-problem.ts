import type { PeerCertificate } from 'node:tls';
import { certificateIdentity } from '@pogo/wire';

/** What is wrong with talking to whoever has this certificate, if the dispatcher of that name is meant. */
export function identityProblem(certificate: PeerCertificate, name: string): Error | undefined {
  const identity = certificateIdentity(certificate);
  if (identity?.role === 'dispatcher' && identity.name === name) return undefined;
  const shown = identity === undefined ? 'nobody' : `${identity.role} ${identity.name}`;
  return new Error(`the certificate there names ${shown}`);
}
