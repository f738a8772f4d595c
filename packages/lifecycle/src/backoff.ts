/** Shape of an exponential backoff; all durations in milliseconds. */
export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** How much longer each further wait may be; 2 by default. */
  factor?: number;
}

/**
 * The wait before try number `attempt` (0 is the first repeat), with full jitter: uniformly between half and all of
 * the exponential value, so that a thousand workers don't come back in the same instant.
 *
 * @param random a number in [0, 1), injected.
 */
export function backoffDelayMs(options: BackoffOptions, attempt: number, random: number): number {
  const { firstMs, maxMs, factor = 2 } = options;
  const exponential = Math.min(maxMs, firstMs * factor ** attempt);
  return exponential / 2 + (exponential / 2) * random;
}
