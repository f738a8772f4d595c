/**
 * Certificates of the simulated fleet: a sealing root, and a sealing certificate of it for each worker. Their private keys
 * are gone: nothing is sealed or opened in a simulation, but dispatchers check what workers show them.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { Recipient } from '@pogo/protocol';

export const sealingRoot = `-----BEGIN CERTIFICATE-----
MIIBmTCCAT+gAwIBAgIUQgYJiqmtCO2bnCTUzcL3GX/Ub4wwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWc2ltdWxhdGVkIHNlYWxpbmcgcm9vdDAgFw0yNjExMjIxODUy
MzZaGA8yMTI2MTAyOTE4NTIzNlowITEfMB0GA1UEAwwWc2ltdWxhdGVkIHNlYWxp
bmcgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHvjVPPZtDInwBMdbwVv
xmuA3kjdX+yL7VW27oUzBW/bexMTbFGUL4Mat/rzFyg8h3TWHEIS+B1eNZJ4kBgu
wNOjUzBRMB0GA1UdDgQWBBSXGF0vE2qq/CTJLzQqcV6u3k1wQzAfBgNVHSMEGDAW
gBSXGF0vE2qq/CTJLzQqcV6u3k1wQzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0gAMEUCIBS829M1CUyZ221ADMY8w7v5Xr/f2BWjleNx6+jlyKbOAiEA4EHx
eZwL++9qYpbcX9Jn/nBUa6e0jKoCxlwW+DGcFMA=
-----END CERTIFICATE-----
`;

const workerCertificates: Readonly<Record<string, string>> = {
  'worker-1': `-----BEGIN CERTIFICATE-----
MIIBHDCBxAIBATAKBggqhkjOPQQDAjAhMR8wHQYDVQQDDBZzaW11bGF0ZWQgc2Vh
bGluZyByb290MCAXDTI2MTEyMjE4NTIzN1oYDzIxMjUwNjE2MTg1MjM3WjATMREw
DwYDVQQDDAh3b3JrZXItMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNDHZqZ3
UQD6wuWgfrWk0anTw+XNaYIVo2KqMe2vxZsfAWwB15KNk9GGUxtXIgcbCE52MVln
DkpRdxQONp1GAaEwCgYIKoZIzj0EAwIDRwAwRAIgeHO/sTcF5oeAvsDJfs2BS0FY
3CtwyVTqOX/u4tpmvNECIGLkRAKnw+r1AFgoaHrcktodS9VyWbt8uufxc0MSW3ez
-----END CERTIFICATE-----
`,
  'worker-2': `-----BEGIN CERTIFICATE-----
MIIBHDCBxAIBAjAKBggqhkjOPQQDAjAhMR8wHQYDVQQDDBZzaW11bGF0ZWQgc2Vh
bGluZyByb290MCAXDTI2MTEyMjE4NTIzOFoYDzIxMjUwNjE2MTg1MjM4WjATMREw
DwYDVQQDDAh3b3JrZXItMjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOs30urM
fLIKMxyAmYOYpwK6s8SzJDLSY2Wryi7iBgB0k2fEramgbxzK6J0Adzdw4OuueZxf
6UmYO7nf9fJfjHswCgYIKoZIzj0EAwIDRwAwRAIgFRU9PwbOjUY94rs73Frw/Ihn
Aq7Ux21yQeXZr9fn/BcCIHc62Ik93o+EAvOBnhJHRnJyRP0AyyhJNwf8L1XHeEjO
-----END CERTIFICATE-----
`,
  'worker-3': `-----BEGIN CERTIFICATE-----
MIIBHDCBxAIBAzAKBggqhkjOPQQDAjAhMR8wHQYDVQQDDBZzaW11bGF0ZWQgc2Vh
bGluZyByb290MCAXDTI2MTEyMjE4NTIzOFoYDzIxMjUwNjE2MTg1MjM4WjATMREw
DwYDVQQDDAh3b3JrZXItMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB00K0/R
q6/iE1qSTbQpDzypOoM6xUOiolKLYeE8HGDIeRAWCUB3rlX7jXBTTjosOggBhJ0k
VWaquDq5OPwkBWYwCgYIKoZIzj0EAwIDRwAwRAIgPfz9V1d46tCYHRmwxvj2HC1L
96jbO+EoHt8FjE3OIJkCIC/X0msVTIJ4H2u2Y+sMN4kEqgL2BFCqEyD+l6HAOel7
-----END CERTIFICATE-----
`,
};

const recipients = new Map<string, Recipient>();

/** What a worker shows in its hello. */
export function recipientOf(worker: string): Recipient {
  const known = recipients.get(worker);
  if (known !== undefined) return known;
  const certificate = workerCertificates[worker];
  if (certificate === undefined) throw new Error(`no certificate for ${worker}`);
  const { publicKey } = new X509Certificate(certificate);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const kid = `sha256:${createHash('sha256').update(der).digest('hex')}`;
  const recipient = { worker, kid, certificate };
  recipients.set(worker, recipient);
  return recipient;
}
