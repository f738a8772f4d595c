/** The claim of an attempt on its host: one attempt at a time runs under a key, and its outcome stays until it is acknowledged. */
import type { StubSettings } from './stub-text.js';

export interface StubClaim {
  /** Attempts with the same key on a host exclude each other, within an account. 16 hexadecimal digits. */
  lockKey: string;
  /** Log index of the batch that assigned the attempt: the number that a fence compares. */
  index: number;
  job: number;
  attempt: number;
  /** The worker's wall clock (Unix time): what attempts leave on a host goes after 31 days. */
  nowMs: number;
  /** How long to wait while another attempt lives under the key. */
  waitMs?: number;
  /**
   * Leaves a fence: from now on no attempt with a lower index runs under the key. In a probe also not the attempt that is asked
   * about, so that `none` is final.
   */
  fence?: boolean;
}

const lockKeyPattern = /^[0-9a-f]{16}$/;

/** The text counts in 32-bit numbers. */
const maximumNumber = 2 ** 31 - 1;

const dayMs = 86_400_000;

/** What is wrong with `claim`, as part of a sentence. */
export function claimFault(claim: StubClaim): string | undefined {
  if (!lockKeyPattern.test(claim.lockKey)) return 'lock key must be 16 hexadecimal digits';
  for (const name of ['index', 'job', 'attempt', 'waitMs'] as const) {
    const value = claim[name] ?? 0;
    if (!Number.isInteger(value) || value < 0 || value >= maximumNumber) {
      return `${name} is ${value}: it must be a whole number below ${maximumNumber}`;
    }
  }
  if (!(claim.nowMs >= 0 && claim.nowMs / dayMs < maximumNumber)) {
    return `time is ${claim.nowMs}: it must be Unix time in milliseconds`;
  }
  return undefined;
}

export function claimSettings(
  claim: StubClaim & { waitMs: number },
): Pick<StubSettings, 'key' | 'index' | 'job' | 'attempt' | 'today' | 'wait'> {
  const { lockKey, index, job, attempt, nowMs, waitMs } = claim;
  return { key: lockKey, index, job, attempt, today: Math.floor(nowMs / dayMs), wait: waitMs };
}
