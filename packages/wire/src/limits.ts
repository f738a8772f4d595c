/** Limits and rhythms of a link; both sides use the same. */
export const linkLimits = {
  /** Largest frame taken, in bytes: a spec of 32 MiB with its credentials, and some room. */
  maxFrameBytes: 40 * 1024 * 1024,
  /** `drained()` resolves below this. */
  lowWaterBytes: 256 * 1024,
  pingEachMs: 5_000,
  /** A link on which nothing came for this long is closed. */
  silentMs: 15_000,
  /** From the TCP connection to the end of the WebSocket handshake. */
  handshakeMs: 10_000,
  /** How long a close waits for the other side's close frame. */
  closeMs: 1_000,
} as const;

/** Waits between dials. */
export const dialBackoff = { firstMs: 200, maxMs: 10_000 } as const;
