/** Cuts what comes over a connection into messages, each of which has its length in front. */
import { MalformedMessage } from './jute-reader.js';

const lengthBytes = 4;
/** The servers send more than a megabyte only when they list a node with tens of thousands of children. */
const maxFrameBytes = 64 * 1024 * 1024;

export class FrameSplitter {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Of the message that is under way, without its length; undefined until that is known. */
  #expected: number | undefined;

  /** The messages that this chunk completes. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    const messages: Buffer[] = [];
    for (;;) {
      if (this.#expected === undefined) {
        const length = this.#shift(lengthBytes);
        if (length === undefined) return messages;
        this.#expected = length.readInt32BE(0);
        if (this.#expected < 0 || this.#expected > maxFrameBytes)
          throw new MalformedMessage(`a message of ${this.#expected} bytes`);
      }
      const message = this.#shift(this.#expected);
      if (message === undefined) return messages;
      this.#expected = undefined;
      messages.push(message);
    }
  }

  /** The next bytes, once so many are there. */
  #shift(bytes: number): Buffer | undefined {
    if (this.#size < bytes) return undefined;
    const [first] = this.#chunks;
    const all =
      first !== undefined && first.byteLength >= bytes ? first : Buffer.concat(this.#chunks, this.#size);
    this.#chunks = all === first ? this.#chunks.slice(1) : [];
    if (all.byteLength > bytes) this.#chunks.unshift(all.subarray(bytes));
    this.#size -= bytes;
    return all.subarray(0, bytes);
  }
}
