/** One range of a `Range` header, in bytes; both ends included. */
export type ByteRange =
  /** No range, or one that RFC 9110 lets a server pass over: everything is sent. */
  { kind: 'all' } | { kind: 'range'; first: number; last: number } | { kind: 'unsatisfiable' };

/**
 * Reads a `Range` header against a length that may not be known yet. Several ranges at once, and open ones of unknown
 * length, are passed over.
 */
export function parseByteRange(header: string | undefined, totalBytes: number | undefined): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return { kind: 'all' };
  if (match[1] === '') {
    if (totalBytes === undefined) return { kind: 'all' };
    const count = Math.min(Number(match[2]), totalBytes);
    return count === 0
      ? { kind: 'unsatisfiable' }
      : { kind: 'range', first: totalBytes - count, last: totalBytes - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === '' ? Infinity : Number(match[2]);
  if (last < first) return { kind: 'all' };
  if (totalBytes === undefined) return last === Infinity ? { kind: 'all' } : { kind: 'range', first, last };
  if (first >= totalBytes) return { kind: 'unsatisfiable' };
  return { kind: 'range', first, last: Math.min(last, totalBytes - 1) };
}
