import { type Result, usageFailure } from '../failure.js';

/** Refuses two options that contradict each other. */
export function contradiction(one: string, other: string): Result<never> {
  return usageFailure('contradicting-options', `${one} and ${other} contradict each other: give one of them`);
}
