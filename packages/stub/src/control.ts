/**
 * Lines to the stub's stdin. Nothing may be written before the stub's `ready`: a shell may read ahead while it still reads the
 * stub's text, and would take what follows for more of it. Between `send` and `received` belong the script's bytes alone.
 */

/** Says that we are still here. Due every {@link heartbeatIntervalMs}. */
export function encodeHeartbeat(): Uint8Array {
  return Buffer.from('h\n', 'latin1');
}

/** Ends the command: TERM to its session, and KILL to what is left of it after the grace that was rendered. */
export function encodeTerminate(): Uint8Array {
  return Buffer.from('t\n', 'latin1');
}

/** Ends the command now: KILL to its session. */
export function encodeKill(): Uint8Array {
  return Buffer.from('k\n', 'latin1');
}

/** Says that the outcome is recorded: what the stub reported, in `ended` and in `settled`, may be removed from the host. */
export function encodeAcknowledge(): Uint8Array {
  return Buffer.from('a\n', 'latin1');
}

/** To a keeper: the piece of a stream that was followed is whole, and the next is due. */
export function encodeNextPiece(stream: 'stdout' | 'stderr', piece: number): Uint8Array {
  return Buffer.from(`${stream === 'stdout' ? 'o' : 'e'} ${piece}\n`, 'latin1');
}

/** To a keeper: so many bytes follow that are for the run, and no control lines. */
export function encodeRawBytes(bytes: number): Uint8Array {
  return Buffer.from(`w ${bytes}\n`, 'latin1');
}

/**
 * How often to send heartbeats: the stub looks every third of `silenceMs`, and ends the command when it has heard nothing for
 * two whole thirds, so between 2/3 and 3/3 of `silenceMs` after the last heartbeat.
 */
export function heartbeatIntervalMs(silenceMs: number): number {
  return Math.max(1, Math.floor(silenceMs / 3));
}
