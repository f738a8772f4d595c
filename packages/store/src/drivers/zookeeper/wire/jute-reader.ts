/** Reads one message of ZooKeeper's protocol. What can't be one is a MalformedMessage; nothing is read beyond its end. */
export class MalformedMessage extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'MalformedMessage';
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export class JuteReader {
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  int(): number {
    return this.#message.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#message.readBigInt64BE(this.#take(8));
  }

  /** A long that numbers changes: ZooKeeper's zxid, whose upper half counts its leaders. */
  zxid(): number {
    const value = Number(this.long());
    if (!Number.isSafeInteger(value)) throw new MalformedMessage(`a change numbered ${value}`);
    return value;
  }

  bool(): boolean {
    return this.#message.readUInt8(this.#take(1)) !== 0;
  }

  /** None where the server has none. */
  bytes(): Uint8Array {
    const length = this.int();
    if (length < -1) throw new MalformedMessage(`${length} bytes`);
    const start = this.#take(Math.max(0, length));
    return new Uint8Array(this.#message.buffer, this.#message.byteOffset + start, this.#at - start);
  }

  text(): string {
    return utf8.decode(this.bytes());
  }

  texts(): string[] {
    const count = this.int();
    // Each takes four bytes at least.
    if (count < -1 || count > (this.#message.byteLength - this.#at) / 4)
      throw new MalformedMessage(`${count} texts`);
    return Array.from({ length: Math.max(0, count) }, () => this.text());
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#message.byteLength) {
      throw new MalformedMessage(
        `a message of ${this.#message.byteLength} bytes that ends before its content does`,
      );
    }
    this.#at += bytes;
    return start;
  }
}
