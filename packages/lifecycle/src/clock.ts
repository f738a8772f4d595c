/** A pending timer; cancelling one that has fired, or was cancelled before, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time outside `core`, which has none. Injected, so that tests and the simulator decide what time it is.
 *
 * - `wallMs` is for people and certificates: milliseconds since 1970, may jump.
 * - `monotonicMs` is for durations: milliseconds since an arbitrary start, never goes back.
 */
export interface Clock {
  wallMs(): number;
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. The timer keeps the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
