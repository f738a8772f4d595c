/**
 * A host is cut into tokens, texts and numbers in turn: `web`, `12`, `.east`. Texts are at even places, numbers at odd ones;
 * joined they are the host again. Lists are long, and most of their hosts differ from the one before in a number alone: what
 * is to be known of them is told without cutting each.
 */

/** Longest number that a range may have (see the parser), in digits. */
export const maxDigits = 15;

export function tokensOf(host: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; ;) {
    const number = nextNumber(host, at);
    tokens.push(host.slice(at, number));
    if (number === host.length) return tokens;
    at = endOfDigits(host, number);
    tokens.push(host.slice(number, at));
  }
}

/** The token of a host at a place that it has. */
export function tokenAt(host: string, place: number): string {
  let from = 0;
  for (let at = 0; ; at += 2) {
    const end = nextNumber(host, from);
    if (at === place) return host.slice(from, end);
    from = endOfDigits(host, end);
    if (at + 1 === place) return host.slice(end, from);
  }
}

/** Whether two hosts may fold together: both are names, or both addresses, of as many tokens. */
export function areAlike(one: string, other: string): boolean {
  return one.includes(':') === other.includes(':') && tokenCount(one) === tokenCount(other);
}

function tokenCount(host: string): number {
  let count = 1;
  for (let at = nextNumber(host, 0); at < host.length; at = nextNumber(host, endOfDigits(host, at)))
    count += 2;
  return count;
}

/** The place of the one token in which two hosts of as many tokens differ; -1 where there are several such places, or none. */
export function differingPlace(one: string, other: string): number {
  let differing = -1;
  for (let place = 0, oneAt = 0, otherAt = 0; ; place++) {
    const isText = place % 2 === 0;
    const oneEnd = isText ? nextNumber(one, oneAt) : endOfDigits(one, oneAt);
    const otherEnd = isText ? nextNumber(other, otherAt) : endOfDigits(other, otherAt);
    if (!isSame(one, oneAt, oneEnd, other, otherAt, otherEnd)) {
      if (differing >= 0) return -1;
      differing = place;
    }
    if (isText && oneEnd === one.length) return otherEnd === other.length ? differing : -1;
    [oneAt, otherAt] = [oneEnd, otherEnd];
  }
}

/** Where the next run of digits begins that is a number; the end of the host where there is none. */
function nextNumber(host: string, from: number): number {
  for (let at = from; at < host.length; at++) {
    if (!isDigit(host, at)) continue;
    const end = endOfDigits(host, at);
    if (end - at <= maxDigits) return at;
    at = end - 1;
  }
  return host.length;
}

function endOfDigits(host: string, from: number): number {
  let at = from;
  while (at < host.length && isDigit(host, at)) at++;
  return at;
}

function isDigit(host: string, at: number): boolean {
  const code = host.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function isSame(
  one: string,
  oneAt: number,
  oneEnd: number,
  other: string,
  otherAt: number,
  otherEnd: number,
): boolean {
  const length = oneEnd - oneAt;
  if (otherEnd - otherAt !== length) return false;
  for (let at = 0; at < length; at++)
    if (one.charCodeAt(oneAt + at) !== other.charCodeAt(otherAt + at)) return false;
  return true;
}
