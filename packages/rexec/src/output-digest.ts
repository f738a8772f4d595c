import { createHash, type Hash } from 'node:crypto';
import type { OutputDigest } from '@pogo/core';

const emptySha256 = createHash('sha256').digest('hex');

/** Length and SHA-256 of one stream, as it passes. */
export class StreamDigest {
  #bytes = 0;
  #hash: Hash | undefined;

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: Uint8Array): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }

  /** To be called once, at the end. */
  finish(): OutputDigest {
    return { bytes: this.#bytes, sha256: this.#hash?.digest('hex') ?? emptySha256 };
  }
}
