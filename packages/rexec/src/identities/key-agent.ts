/** Signs for the job's keys; lives in this process alone, and ends with it. */
export interface KeyAgent {
  readonly keys: readonly IdentityKey[];
}

export interface IdentityKey {
  /** Where the user's key came from: a file name, for messages. */
  readonly label: string;
  /** Public key as `type base64`. */
  readonly publicKey: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** The bare signature, ECDSA in DER; `hash` chooses among RSA's. */
  sign(data: Buffer, hash: SignatureHash | undefined): Buffer;
}

/** SHA-1 only for what asks a forwarded agent and knows nothing newer; never to log in. */
export type SignatureHash = 'sha1' | 'sha256' | 'sha512';
