/**
 * A value that prints as `[secret]` wherever it ends up: logs, JSON, template strings, errors, `console.log`.
 * Redaction is by type, never by pattern (security.md). `reveal` is called only where the value is used.
 */
export class Secret<T extends string | Uint8Array = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  /** Overwrites the value where it is a buffer; strings can't be wiped in JavaScript. */
  wipe(): void {
    if (typeof this.#value !== 'string') this.#value.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.toPrimitive](): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
