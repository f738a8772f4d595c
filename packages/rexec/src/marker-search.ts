/** Finds one of several words in a stream, however it is cut into chunks, and remembers the beginning of what came before. */
export class MarkerSearch {
  readonly #words: readonly Buffer[];
  readonly #longest: number;
  readonly #keptBytes: number;
  #tail: Buffer = Buffer.alloc(0);
  #before: Buffer = Buffer.alloc(0);
  #bytes = 0;

  /** `keptBytes`: how much is kept of what isn't a word: the last of it. */
  constructor(words: readonly string[], keptBytes: number) {
    this.#words = words.map((word) => Buffer.from(word));
    this.#longest = Math.max(...this.#words.map(({ length }) => length));
    this.#keptBytes = keptBytes;
  }

  /** Bytes so far that are not part of a word. */
  get bytes(): number {
    return this.#bytes + this.#tail.length;
  }

  /** The last of the text before the word, or before the end. */
  get text(): string {
    return Buffer.concat([this.#before, this.#tail]).toString('utf8');
  }

  /** The first word that is complete, and what follows it. What follows must be fed again to find more. */
  add(chunk: Buffer): { word: number; rest: Buffer } | undefined {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    let at = -1;
    let word = -1;
    this.#words.forEach((candidate, index) => {
      const found = bytes.indexOf(candidate);
      if (found >= 0 && (at < 0 || found < at)) [at, word] = [found, index];
    });
    const end = word < 0 ? Math.max(0, bytes.length - this.#longest + 1) : at;
    this.#keep(bytes.subarray(0, end));
    if (word < 0) {
      this.#tail = Buffer.from(bytes.subarray(end));
      return undefined;
    }
    this.#tail = Buffer.alloc(0);
    return { word, rest: bytes.subarray(at + this.#words[word]!.length) };
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const all = Buffer.concat([this.#before, bytes]);
    this.#before = Buffer.from(all.subarray(Math.max(0, all.length - this.#keptBytes)));
  }
}
