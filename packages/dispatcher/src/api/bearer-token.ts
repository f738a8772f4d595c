import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@pogo/protocol';

/** Compares bearer tokens in constant time; of the right one only a hash is kept. */
export class BearerToken {
  readonly #hash: Buffer;

  constructor(token: Secret) {
    this.#hash = hashOf(token.reveal().trim());
  }

  /** @param authorization the header, `Bearer TOKEN`. */
  admits(authorization: string | undefined): boolean {
    const given = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1];
    return given !== undefined && timingSafeEqual(hashOf(given), this.#hash);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
