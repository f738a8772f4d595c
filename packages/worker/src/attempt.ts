import { type HostSet, toHostSet } from '@pogo/core';

/** One try of one host within a known job. */
export interface Attempt {
  /** Index in the job's expanded targets. */
  host: number;
  attempt: number;
}

export interface JobAttempt extends Attempt {
  job: number;
}

/** Hosts of one job whose attempts have the same number. */
export interface AttemptGroup {
  attempt: number;
  hosts: HostSet;
}

/** One number per (host, attempt): attempts are few, hosts fit into 32 bits. */
export function attemptNumber({ host, attempt }: Attempt): number {
  return attempt * 2 ** 32 + host;
}

export function attemptOfNumber(number: number): Attempt {
  return { host: number % 2 ** 32, attempt: Math.floor(number / 2 ** 32) };
}

export function groupAttempts(attempts: Iterable<Attempt>): AttemptGroup[] {
  const groups = new Map<number, number[]>();
  for (const { host, attempt } of attempts) {
    const hosts = groups.get(attempt);
    if (hosts === undefined) groups.set(attempt, [host]);
    else hosts.push(host);
  }
  return [...groups].map(([attempt, hosts]) => ({ attempt, hosts: toHostSet(hosts) }));
}

/** The attempts of several jobs, job by job. */
export function groupByJob<A extends JobAttempt>(attempts: Iterable<A>): Map<number, A[]> {
  const jobs = new Map<number, A[]>();
  for (const attempt of attempts) {
    const ofJob = jobs.get(attempt.job);
    if (ofJob === undefined) jobs.set(attempt.job, [attempt]);
    else ofJob.push(attempt);
  }
  return jobs;
}
