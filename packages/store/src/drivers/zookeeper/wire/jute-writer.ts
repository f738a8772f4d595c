/** Writes one message of ZooKeeper's protocol: numbers are big-endian, whatever varies in length has its length in front. */
const lengthBytes = 4;

export class JuteWriter {
  #buffer = Buffer.allocUnsafe(256);
  /** The message's own length comes first, when all is written. */
  #size = lengthBytes;

  int(value: number): this {
    const start = this.#take(4);
    this.#buffer.writeInt32BE(value, start);
    return this;
  }

  long(value: bigint): this {
    const start = this.#take(8);
    this.#buffer.writeBigInt64BE(value, start);
    return this;
  }

  bool(value: boolean): this {
    const start = this.#take(1);
    this.#buffer.writeUInt8(value ? 1 : 0, start);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.int(value.byteLength);
    const start = this.#take(value.byteLength);
    this.#buffer.set(value, start);
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  texts(values: readonly string[]): this {
    this.int(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  /** What goes over the connection; nothing may be written afterwards. */
  frame(): Buffer {
    this.#buffer.writeInt32BE(this.#size - lengthBytes, 0);
    return this.#buffer.subarray(0, this.#size);
  }

  /** Makes room, maybe in another buffer, and tells where it begins. */
  #take(bytes: number): number {
    const start = this.#size;
    this.#size += bytes;
    if (this.#size > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(this.#size, 2 * this.#buffer.byteLength));
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    return start;
  }
}
