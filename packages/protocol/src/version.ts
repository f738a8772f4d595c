/** Version of the product, as `pogo ping` shows it for every part. */
export const productVersion = '0.1.0';

/** Version of the links between the parts; docs/VERSIONS.md says what makes a new one. */
export const protocolVersion = 2;

/** The oldest version of the links that this release still speaks: the one before, as soon as there was one. */
export const oldestProtocolVersion = 2;

/** Versions of the links that a part speaks; one that doesn't say since when speaks that one alone. */
export interface SpokenVersions {
  protocol: number;
  oldestProtocol?: number | undefined;
}

/** What this release speaks. */
export const spokenVersions = { protocol: protocolVersion, oldestProtocol: oldestProtocolVersion } as const;

/** The newest version that both speak; undefined when there is none. */
export function commonVersion(one: SpokenVersions, other: SpokenVersions): number | undefined {
  const newest = Math.min(one.protocol, other.protocol);
  const oldest = Math.max(one.oldestProtocol ?? one.protocol, other.oldestProtocol ?? other.protocol);
  return newest >= oldest ? newest : undefined;
}

/** For people: `2`, or `3 (and 2)`. */
export function showVersions({ protocol, oldestProtocol = protocol }: SpokenVersions): string {
  const older = Array.from({ length: protocol - oldestProtocol }, (_, at) => protocol - 1 - at);
  if (older.length === 0) return String(protocol);
  return older.length < 4
    ? `${protocol} (and ${older.join(', ')})`
    : `${protocol} (and from ${oldestProtocol} on)`;
}
