/**
 * Numbers of jobs: one for each, over all namespaces of an instance, and each says which namespace it belongs to.
 *
 * 1. A namespace has a number, allotted once and for ever; `default` has 0.
 * 2. Its jobs have the numbers from the namespace's number times {@link jobsPerNamespace}, plus 1. So `p0000000012` is the
 *    12th job of `default`, and `p0100000012` the 12th of namespace 1.
 */

/** More jobs than a namespace ever has: one a second for three years. */
export const jobsPerNamespace = 100_000_000;
/** As many as ten digits have room for. */
export const maxNamespaces = 100;
/** What is there without anybody having made it. */
export const defaultNamespace = { name: 'default', number: 0 } as const;

/** The number of the namespace that a job belongs to. */
export function namespaceNumberOf(job: number): number {
  return Math.floor(job / jobsPerNamespace);
}

/** The number of a namespace's first job. */
export function firstJobOf(namespaceNumber: number): number {
  return namespaceNumber * jobsPerNamespace + 1;
}

/** A job number as people see it: `p` and ten digits. */
export function formatJobId(job: number): string {
  return `p${String(job).padStart(10, '0')}`;
}

/** Reads `p0000000012`, `p12` or `12`; undefined for anything else (`last` is for the caller to resolve). */
export function parseJobId(text: string): number | undefined {
  const match = /^p?(\d{1,10})$/.exec(text);
  return match ? Number(match[1]) : undefined;
}
