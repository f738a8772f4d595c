import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first field of a known_hosts line (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export type HostPatterns =
  /** `|1|salt|hash`: one name, HMAC-SHA1 under the salt. */
  | { readonly kind: 'hashed'; readonly salt: Buffer; readonly hash: Buffer }
  /** Plain names only: found by equality. */
  | { readonly kind: 'names'; readonly names: readonly string[] }
  /** With `*`, `?` or `!`. A negated pattern that matches excludes the line, whatever else it has. */
  | { readonly kind: 'patterns'; readonly wanted: readonly string[]; readonly excluded: readonly string[] };

/** Longest first field, in characters: bounds the work of matching. */
const maxPatternsLength = 16 * 1024;

/** Reads the first field; undefined when it is malformed. */
export function parseHostPatterns(field: string): HostPatterns | undefined {
  if (field.length > maxPatternsLength) return undefined;
  if (field.startsWith('|')) return parseHashed(field);
  const parts = field
    .toLowerCase()
    .split(',')
    .filter((part) => part !== '' && part !== '!');
  if (parts.length === 0) return undefined;
  if (!parts.some((part) => /[*?!]/.test(part))) return { kind: 'names', names: parts };
  const excluded = parts.filter((part) => part.startsWith('!')).map((part) => part.slice(1));
  return {
    kind: 'patterns',
    wanted: parts.filter((part) => !part.startsWith('!')),
    excluded,
  };
}

function parseHashed(field: string): HostPatterns | undefined {
  const match = /^\|1\|([A-Za-z0-9+/]+={0,2})\|([A-Za-z0-9+/]+={0,2})$/.exec(field);
  if (match === null) return undefined;
  const salt = Buffer.from(match[1]!, 'base64');
  const hash = Buffer.from(match[2]!, 'base64');
  return salt.length === 20 && hash.length === 20 ? { kind: 'hashed', salt, hash } : undefined;
}

/** Whether `text` fits `pattern` with `*` and `?`; at most their lengths' product in steps, for hostile patterns too. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let at = 0;
  let position = 0;
  let star = -1;
  let starPosition = 0;
  while (position < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      starPosition = position;
    } else if (pattern[at] === '?' || pattern[at] === text[position]) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++starPosition;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** Whether the field covers `name`, which is lower case, with brackets and port where that isn't 22. */
export function matchesHost(patterns: HostPatterns, name: string): boolean {
  switch (patterns.kind) {
    case 'names':
      return patterns.names.includes(name);
    case 'hashed':
      return timingSafeEqual(createHmac('sha1', patterns.salt).update(name).digest(), patterns.hash);
    case 'patterns':
      return (
        !patterns.excluded.some((pattern) => matchesWildcard(pattern, name)) &&
        patterns.wanted.some((pattern) => matchesWildcard(pattern, name))
      );
  }
}
