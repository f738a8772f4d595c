import * as z from 'zod';
import type { ReignEnd } from '../leader/reign.js';
import { problem, type ProblemAnswer, storeUnavailable } from './answer.js';

/** The job in a path: `p0000000012`, `p12`, `12`, or `last`. */
export const jobParams = z.object({
  id: z.string().max(20).describe('`p0000000012`, `p12`, `12`, or `last` for the newest job'),
});

export function unknownJob(id: string): ProblemAnswer {
  return problem(
    'unknown-job',
    `There is no job ${JSON.stringify(id)} here: ids look like p0000000012; GET /v1/jobs lists them.`,
  );
}

/** The problem of a look-up that found nothing. */
export function lookupProblem(
  lookup: { kind: 'unknown' | 'lost' },
  id: string,
  leader: { lastEnd: ReignEnd | undefined },
): ProblemAnswer {
  return lookup.kind === 'lost' ? storeUnavailable(leader) : unknownJob(id);
}

export const pageQuery = {
  cursor: z.string().max(64).optional().describe('`nextCursor` of the page before'),
};
