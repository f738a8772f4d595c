/**
 * All chance of a simulation, from one seed: same seed, same numbers. Parts take forks of their own, so that what one
 * part draws doesn't shift what another part gets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    [this.#a, this.#b, this.#c] = scatter(seed);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** An independent stream, named after its use. */
  fork(name: string): Random {
    return new Random(`${this.#a} ${this.#b} ${this.#c} ${name}`);
  }

  /** In [0, 1). Chris Doty-Humphrey's sfc32. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Between `low` and `high`, small values as likely as each larger order of magnitude: delays are like that. */
  spread(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }
}

/** Three words from a text (FNV-1a, each with another start). */
function scatter(text: string): [number, number, number] {
  const words: [number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b];
  for (let at = 0; at < text.length; at++) {
    for (let word = 0; word < 3; word++) {
      words[word] = Math.imul(words[word]! ^ (text.charCodeAt(at) + word), 0x01000193);
    }
  }
  return words;
}
