/**
 * Seals credentials: one content key, wrapped for each recipient that the pinned sealing root vouches for, bound to the
 * digest of the resolved spec by the additional authenticated data (security.md, "Sealing").
 */
import { X509Certificate } from 'node:crypto';
import { type Recipient, sealAlgorithms, type SealedCredentials, type SealedPayload } from '@pogo/protocol';
import { GeneralEncrypt } from 'jose';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { checkRecipient } from './recipient-check.js';
import type { Credentials } from './credentials.js';

export interface SealRequest {
  readonly credentials: Credentials;
  /** Digest of the resolved spec. */
  readonly digest: string;
  readonly lifetimeMs: number;
  readonly recipients: readonly Recipient[];
  /** PEM of the pinned root. */
  readonly sealingRoot: string;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
}

export async function sealCredentials(request: SealRequest): Promise<Result<SealedCredentials>> {
  const { recipients, digest, nowMs } = request;
  if (recipients.length === 0) {
    return failed({
      code: 'no-worker',
      message: 'no worker is connected that could run the job: start one, and see `pogo ping`',
      exitCode: exitCodes.error,
    });
  }
  const root = new X509Certificate(request.sealingRoot);
  const payload = Buffer.from(JSON.stringify(payloadOf(request)));
  const encryption = new GeneralEncrypt(payload)
    .setProtectedHeader({ enc: sealAlgorithms.content })
    .setAdditionalAuthenticatedData(Buffer.from(digest));
  for (const recipient of recipients) {
    const check = checkRecipient(recipient, root, nowMs);
    if (!check.ok) {
      return failed({
        code: 'recipient-refused',
        message: `the dispatcher offered worker ${JSON.stringify(recipient.worker)}, which ${check.reason}; nothing was sealed or sent. Ask who runs the dispatcher before you try again`,
        exitCode: exitCodes.error,
      });
    }
    encryption
      .addRecipient(check.publicKey)
      .setUnprotectedHeader({ alg: sealAlgorithms.wrap, kid: recipient.kid });
  }
  const sealed = await encryption.encrypt();
  payload.fill(0);
  return success({
    protected: sealed.protected!,
    iv: sealed.iv!,
    ciphertext: sealed.ciphertext,
    tag: sealed.tag!,
    aad: sealed.aad!,
    recipients: sealed.recipients.map((recipient, index) => ({
      header: { alg: sealAlgorithms.wrap, kid: recipients[index]!.kid },
      encrypted_key: recipient.encrypted_key!,
    })),
  });
}

/** The one place where secrets are revealed. */
function payloadOf({ credentials, digest, lifetimeMs, nowMs }: SealRequest): SealedPayload {
  const { password, sudoPassword, secrets, identities } = credentials;
  return {
    version: 1,
    digest,
    sealedAtMs: nowMs,
    lifetimeMs,
    ...(password !== undefined && { password: password.reveal() }),
    ...(sudoPassword !== undefined && { sudoPassword: sudoPassword.reveal() }),
    ...(secrets !== undefined && {
      secrets: Object.fromEntries([...secrets].map(([name, secret]) => [name, secret.reveal()])),
    }),
    ...(identities.length > 0 && {
      identities: identities.map(({ label, privateKey, passphrase }) => ({
        label,
        privateKey: privateKey.reveal(),
        ...(passphrase !== undefined && { passphrase: passphrase.reveal() }),
      })),
    }),
  };
}
