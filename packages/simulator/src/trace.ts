/**
 * What happened, line by line: hashed always, kept only when somebody wants to read it. Two runs of a seed are the same
 * when their hashes are.
 */
import { createHash, type Hash } from 'node:crypto';
import type { VirtualTime } from './virtual-time.js';

export class Trace {
  readonly #time: VirtualTime;
  readonly #hash: Hash = createHash('sha256');
  readonly #print: ((line: string) => void) | undefined;

  constructor(options: { time: VirtualTime; print: ((line: string) => void) | undefined }) {
    this.#time = options.time;
    this.#print = options.print;
  }

  get isPrinted(): boolean {
    return this.#print !== undefined;
  }

  add(who: string, what: string): void {
    const line = `${this.#time.nowMs.toFixed(3)} ${who}: ${what}`;
    this.#hash.update(line);
    this.#print?.(line);
  }

  /** For people only: what production code logs has no part in the hash. */
  remark(who: string, what: string): void {
    this.#print?.(`${this.#time.nowMs.toFixed(3)} ${who} | ${what}`);
  }

  /** Hex SHA-256 of all lines; ends the trace. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
