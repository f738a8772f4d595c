/** What a namespace file says (docs: NAMESPACES.md), its shape checked: input of {@link compileNamespace}. */

/** A count of hosts, or a percentage of a slot's members (S2). */
export type ConcurrencyLimit =
  { readonly kind: 'count'; readonly count: number } | { readonly kind: 'percent'; readonly percent: number };

/** What holds within each value of one environment type. */
export interface EnvironmentConstraints {
  /** By app: most of its hosts that may be disturbed at once (S2). */
  readonly concurrency: Readonly<Record<string, ConcurrencyLimit>>;
  /** Lists of apps, each app before those behind it (S4); all lists hold together. */
  readonly sequence: readonly (readonly string[])[];
}

/**
 * The order of keys is the order of hosts, slots and stages: keep it when a definition is stored (JSON does, a canonical
 * form with sorted keys doesn't).
 */
export interface NamespaceDefinition {
  /** Target expressions of each app. */
  readonly apps: Readonly<Record<string, readonly string[]>>;
  /** Target expressions by environment type and value. */
  readonly envs: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Other names of hosts, by the name that the groups have (S6). */
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  /** By environment type. */
  readonly constraints: Readonly<Record<string, EnvironmentConstraints>>;
  /** Target expression of the hosts that each pool's workers reach. */
  readonly pools?: Readonly<Record<string, string>>;
  /** How long a host that went wrong goes on counting (S3); `hold_failures` in the file. */
  readonly holdFailures: 'until-well' | 'until-job-ends';
}

const nameSyntax = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * Whether apps, environment types, values and pools may be called so: what can be written as `@app` and `@type:value`
 * and read back out of `app@type=value`.
 */
export function isNamespaceName(text: string): boolean {
  return nameSyntax.test(text);
}

/** The limit as it is written in the file: `25%`, `1`. */
export function formatLimit(limit: ConcurrencyLimit): string {
  return limit.kind === 'percent' ? `${limit.percent}%` : String(limit.count);
}

/** Largest count in a limit. */
const maxCount = 1_000_000;

/** What is wrong with a limit; undefined when it may be one. */
export function faultOfLimit(limit: ConcurrencyLimit): string | undefined {
  const [value, most] = limit.kind === 'percent' ? [limit.percent, 100] : [limit.count, maxCount];
  if (Number.isInteger(value) && value >= 1 && value <= most) return undefined;
  const written = formatLimit(limit);
  if (value <= 0) return `${written} would let no host through, ever: a limit is at least 1 or 1%`;
  if (value > most) return `${written} is more than ${most}${limit.kind === 'percent' ? '%' : ''}`;
  return `${written} is no whole number: a limit is a count of hosts such as 3, or a percentage such as 25%`;
}

/**
 * Most hosts of a slot that may be disturbed at once (S2): a count as it is, of a percentage as many whole hosts as it
 * comes to, and at least one. Percentages are whole numbers, so that no rounding of fractions can take part.
 */
export function hostsAllowed(limit: ConcurrencyLimit, members: number): number {
  return limit.kind === 'count' ? limit.count : Math.max(1, shareOf(limit.percent, members));
}

/** Whether a percentage comes to less than one host of so many, and one is let through nevertheless (S2). */
export function isRoundedUp(limit: ConcurrencyLimit, members: number): boolean {
  return limit.kind === 'percent' && shareOf(limit.percent, members) === 0;
}

function shareOf(percent: number, members: number): number {
  return Math.floor((percent * members) / 100);
}
