/**
 * The marker that begins every control frame: a record separator, which occurs only here, and the nonce of the run.
 * A frame is the marker, a space, a payload without line feeds, and a line feed.
 */
export const recordSeparator = 0x1e;

/** The longest frame, marker and line feed included; a longer one is a protocol error. */
export const maximumFrameBytes = 512;

const noncePattern = /^[0-9A-Za-z]{16,64}$/;

/** Whether `nonce` can mark frames: 16 to 64 letters and digits, which no shell reads as anything else. */
export function isNonce(nonce: string): boolean {
  return noncePattern.test(nonce);
}

export function markerOf(nonce: string): Buffer {
  return Buffer.from(`\x1epogo-${nonce} `, 'latin1');
}
