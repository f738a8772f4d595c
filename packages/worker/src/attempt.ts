/** One try of one host within a known job. */
export interface Attempt {
  /** Index in the job's expanded targets. */
  host: number;
  attempt: number;
}

export interface JobAttempt extends Attempt {
  job: number;
}

/** One number per (host, attempt): attempts are few, hosts fit into 32 bits. */
export function attemptNumber({ host, attempt }: Attempt): number {
  return attempt * 2 ** 32 + host;
}
