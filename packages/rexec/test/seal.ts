import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  type ResolvedSpec,
  type SealedCredentials,
  sealedCredentialsSchema,
  type SealedPayload,
  specDigest,
} from '@pogo/protocol';
import { GeneralEncrypt } from 'jose';

/** A worker's sealing key in a file, as rexec finds it. */
export interface SealingKey {
  readonly file: string;
  readonly publicPem: string;
  readonly kid: string;
}

export function createSealingKey(file: string, kid = 'sha256:test'): SealingKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { file, publicPem, kid };
}

export type Credentials = Pick<SealedPayload, 'password' | 'sudoPassword' | 'secrets' | 'identities'>;

/** Seals as the client does: one content key, wrapped for each worker, bound to the digest. */
export async function seal(
  spec: ResolvedSpec,
  credentials: Credentials,
  keys: readonly SealingKey[],
  changes: Partial<SealedPayload> = {},
): Promise<SealedCredentials> {
  const digest = specDigest(spec);
  const payload: SealedPayload = {
    version: 1,
    digest,
    sealedAtMs: Date.now(),
    lifetimeMs: spec.lifetimeMs,
    ...credentials,
    ...changes,
  };
  const encoder = new TextEncoder();
  const encrypt = new GeneralEncrypt(encoder.encode(JSON.stringify(payload)))
    .setProtectedHeader({ enc: 'A256GCM' })
    .setAdditionalAuthenticatedData(encoder.encode(digest));
  for (const { publicPem, kid } of keys) {
    encrypt.addRecipient(createPublicKey(publicPem)).setUnprotectedHeader({ alg: 'RSA-OAEP-256', kid });
  }
  return sealedCredentialsSchema.parse(await encrypt.encrypt());
}
