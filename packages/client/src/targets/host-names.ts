import { foldTargets } from '@pogo/core';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { readTargets } from './targets.js';

/** Hosts of a job as its documents name them, folded: without account and port. */
export async function hostNames(
  expressions: readonly string[],
  environment: Environment,
): Promise<Result<string>> {
  const targets = await readTargets({ expressions, hostFiles: [], excluded: [] }, environment);
  if (!targets.ok) return targets;
  if (targets.value.length === 0) {
    return usageFailure('no-targets', 'the hosts that were given come to none: see `pogo targets EXPR`');
  }
  return success(foldTargets(targets.value.map(({ host }) => ({ host }))));
}
