/** Data types of the SSH protocol (RFC 4251 5). */

/** Each part with its length before it. */
export function strings(...parts: Buffer[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

/** Positive, so that a leading one bit gets a zero byte before it, and as short as it can be. */
export function integer(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  const short = bytes.subarray(start);
  return (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
}

/** Reads from the front of a message; undefined where it is too short. */
export class SshReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number | undefined {
    if (this.#bytes.length - this.#position < 4) return undefined;
    const value = this.#bytes.readUInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  string(): Buffer | undefined {
    const length = this.uint32();
    if (length === undefined || this.#bytes.length - this.#position < length) return undefined;
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }
}
