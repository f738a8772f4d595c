/**
 * Opens sealed credentials (security.md, "Sealing").
 *
 * 1. Only RSA-OAEP-256 and A256GCM are taken, whatever the seal's headers ask for.
 * 2. The recipient is chosen by key id; the others aren't tried.
 * 3. The digest is checked twice: as additional authenticated data, and inside.
 * 4. The opened bytes are overwritten once they are read.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import {
  sealAlgorithms,
  type SealedCredentials,
  type SealedPayload,
  sealedPayloadSchema,
} from '@pogo/protocol';
import { flattenedDecrypt } from 'jose';

export type OpenSealOutcome =
  | { readonly ok: true; readonly payload: SealedPayload }
  | {
      readonly ok: false;
      readonly reason: 'spec-mismatch' | 'credentials-unusable';
      readonly message: string;
    };

export interface OpenSealOptions {
  readonly credentials: SealedCredentials;
  /** Digest of the spec as recomputed here. */
  readonly digest: string;
  /** PEM. */
  readonly sealingKey: Buffer;
  readonly kid: string;
}

export async function openSeal(options: OpenSealOptions): Promise<OpenSealOutcome> {
  const { credentials, digest, kid } = options;
  const mismatch: OpenSealOutcome = {
    ok: false,
    reason: 'spec-mismatch',
    message: 'the credentials were sealed for another job than this order describes',
  };
  const unusable = (message: string): OpenSealOutcome => ({
    ok: false,
    reason: 'credentials-unusable',
    message,
  });
  if (Buffer.from(credentials.aad, 'base64url').toString() !== digest) return mismatch;
  const recipient = credentials.recipients.find(({ header }) => header.kid === kid);
  if (recipient === undefined) return unusable("the credentials were not sealed for this worker's key");
  const key = readKey(options.sealingKey);
  if (key === undefined) return unusable("the worker's sealing key is not a private key in PEM format");
  const { recipients: _, ...common } = credentials;
  let plaintext: Uint8Array;
  try {
    const opened = await flattenedDecrypt(
      { ...common, header: recipient.header, encrypted_key: recipient.encrypted_key },
      key,
      {
        keyManagementAlgorithms: [sealAlgorithms.wrap],
        contentEncryptionAlgorithms: [sealAlgorithms.content],
      },
    );
    plaintext = opened.plaintext;
  } catch {
    return unusable(
      "the credentials cannot be opened with this worker's key: they are damaged, or sealed for another",
    );
  }
  try {
    const parsed = sealedPayloadSchema.safeParse(JSON.parse(textOf(plaintext)));
    if (!parsed.success) return unusable('the opened credentials are not of a form that this version knows');
    return parsed.data.digest === digest ? { ok: true, payload: parsed.data } : mismatch;
  } catch {
    return unusable('the opened credentials are not of a form that this version knows');
  } finally {
    plaintext.fill(0);
  }
}

/** Without a copy that would have to be overwritten as well. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function readKey(pem: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
