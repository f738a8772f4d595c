/**
 * The output of one attempt on its way to the worker.
 *
 * 1. Beyond the limit (both streams together) bytes are dropped, but still counted and digested; a `gap` frame at the
 *    end says how many (I5).
 */
import type { OutputDigest } from '@pogo/core';
import { StreamDigest } from './output-digest.js';
import type { OutputRelay } from './output-relay.js';

export interface OutputKeeperOptions {
  readonly relay: OutputRelay;
  readonly host: number;
  readonly attempt: number;
  readonly limitBytes: number;
  /** Bytes of each stream that the worker holds already: they are counted and digested only. */
  readonly held?: { readonly stdout: number; readonly stderr: number } | undefined;
}

export interface KeptOutput {
  readonly stdout: OutputDigest;
  readonly stderr: OutputDigest;
  readonly outputCutBytes?: number;
}

export class OutputKeeper {
  readonly #options: OutputKeeperOptions;
  readonly #digests = { stdout: new StreamDigest(), stderr: new StreamDigest() };
  #keptBytes = 0;
  #cutBytes = 0;

  constructor(options: OutputKeeperOptions) {
    this.#options = options;
  }

  /** False when the worker takes no more for now. */
  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): boolean {
    const { relay, host, attempt, limitBytes, held } = this.#options;
    const digest = this.#digests[stream];
    const offset = digest.bytes;
    digest.add(bytes);
    // Nothing after the first cut: what is kept is one piece from the beginning.
    const room = this.#cutBytes > 0 ? 0 : limitBytes - this.#keptBytes;
    const kept = bytes.subarray(0, room);
    this.#keptBytes += kept.length;
    this.#cutBytes += bytes.length - kept.length;
    const known = Math.min(kept.length, Math.max(0, (held?.[stream] ?? 0) - offset));
    if (known === kept.length) return true;
    return relay.write({ host, attempt, stream, offset: offset + known, bytes: kept.subarray(known) });
  }

  whenDrained(callback: () => void): void {
    this.#options.relay.whenDrained(callback);
  }

  /** To be called once, at the end. */
  finish(): KeptOutput {
    const { relay, host, attempt } = this.#options;
    if (this.#cutBytes > 0) relay.gap({ host, attempt, bytes: this.#cutBytes });
    return {
      stdout: this.#digests.stdout.finish(),
      stderr: this.#digests.stderr.finish(),
      ...(this.#cutBytes > 0 && { outputCutBytes: this.#cutBytes }),
    };
  }
}
