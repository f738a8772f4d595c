/**
 * Credentials on their way: plain only in the client that seals and in the rexec that opens; a string to everyone
 * between. The seal is a General JWE, RSA-OAEP-256 with A256GCM, one recipient per worker chosen by `kid`, with the
 * digest of the resolved spec as additional authenticated data (security.md, "Sealing").
 */
import * as z from 'zod';

/** What each method needs from the user; keys of {@link sealedPayloadSchema}. */
export const authMethodNeeds: Readonly<Record<string, 'password' | 'identities'>> = {
  password: 'password',
  'keyboard-interactive': 'password',
  publickey: 'identities',
};

/** What is inside the seal. */
export const sealedPayloadSchema = z.strictObject({
  version: z.literal(1),
  /** Digest of the spec that it was sealed for: checked besides the additional authenticated data. */
  digest: z.string(),
  /** Wall-clock instant of sealing in milliseconds since 1970 (T3). */
  sealedAtMs: z.int(),
  lifetimeMs: z.int(),
  password: z.string().optional(),
  /** For sudo's prompt (`runAs`); absent: the login password, if there is one. */
  sudoPassword: z.string().optional(),
  /** What methods from outside need, by the names that they ask for. */
  secrets: z.record(z.string().max(128), z.string()).optional(),
  identities: z
    .array(
      z.strictObject({
        /** Where the user's key came from, for messages: a file name. */
        label: z.string(),
        /** The private key file's text, as it is: OpenSSH, PEM or PKCS#8. */
        privateKey: z.string(),
        passphrase: z.string().optional(),
      }),
    )
    .optional(),
});
export type SealedPayload = z.infer<typeof sealedPayloadSchema>;

export const sealAlgorithms = { wrap: 'RSA-OAEP-256', content: 'A256GCM' } as const;

/** The sealed form; opaque to dispatcher and worker, who check only its shape and size. */
export const sealedCredentialsSchema = z.strictObject({
  protected: z.string().max(1024),
  iv: z.string().max(64),
  ciphertext: z.string().max(1024 * 1024),
  tag: z.string().max(64),
  aad: z.string().max(256),
  recipients: z
    .array(
      z.strictObject({
        header: z.strictObject({ alg: z.literal('RSA-OAEP-256'), kid: z.string().max(128) }),
        encrypted_key: z.string().max(2048),
      }),
    )
    .min(1)
    .max(256),
});
export type SealedCredentials = z.infer<typeof sealedCredentialsSchema>;

/**
 * A worker that can open credentials. `certificate` is PEM, signed by the sealing root that the client pins, its
 * subject's CN is the worker's name; `kid` is `sha256:<hex>` of the DER of the certificate's public key (SPKI).
 */
export const recipientSchema = z.object({
  worker: z.string(),
  kid: z.string(),
  certificate: z.string(),
});
export type Recipient = z.infer<typeof recipientSchema>;
