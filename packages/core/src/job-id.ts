/** A job number as people see it: `p` and ten digits. */
export function formatJobId(job: number): string {
  return `p${String(job).padStart(10, '0')}`;
}

/** Reads `p0000000012`, `p12` or `12`; undefined for anything else (`last` is for the caller to resolve). */
export function parseJobId(text: string): number | undefined {
  const match = /^p?(\d{1,10})$/.exec(text);
  return match ? Number(match[1]) : undefined;
}
