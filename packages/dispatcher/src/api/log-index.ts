/** How far an answer has seen the log of its namespace: told in a header, and waited for when a request asks for it. */
import * as z from 'zod';
import type { Leader } from '../leader/leader.js';
import { type Answer, problem, type ProblemAnswer } from './answer.js';
import type { RouteRequest } from './route.js';

/** Index of the newest batch that an answer has seen, at least. */
export const logIndexHeader = 'pogo-log-index';

const indexSchema = z.coerce.number().int().min(0);

export const minIndexQuery = indexSchema
  .optional()
  .describe('Wait until the log was seen up to here: what `pogo-log-index` said');

/** The request without its `?min-index=`. */
export function apartFromIndex(
  request: RouteRequest,
): { kind: 'apart'; request: RouteRequest; minIndex: number | undefined } | ProblemAnswer {
  const { 'min-index': given, ...query } = (request.query ?? {}) as Record<string, unknown>;
  if (given === undefined) return { kind: 'apart', request, minIndex: undefined };
  const parsed = indexSchema.safeParse(given);
  if (parsed.success) return { kind: 'apart', request: { ...request, query }, minIndex: parsed.data };
  const message = 'not an index of the log, as the header pogo-log-index has it';
  return problem('invalid-request', `query.min-index: ${message}.`, {
    errors: [{ path: 'query.min-index', message }],
  });
}

/** Undefined while nothing of the log is known here. */
export async function shownIndex(leader: Leader): Promise<number | undefined> {
  const shown = await leader.view(({ nextIndex }) => nextIndex - 1);
  return shown.kind === 'ok' ? shown.answer : undefined;
}

export function withIndex(answer: Answer, index: number | undefined): Answer {
  if (index === undefined || answer.kind === 'text') return answer;
  return { ...answer, headers: { ...answer.headers, [logIndexHeader]: String(index) } };
}

export function notSeenYet(index: number): ProblemAnswer {
  return problem(
    'store-unavailable',
    `This dispatcher has not seen the log up to ${index} yet: try again shortly, or ask the one that gave this index.`,
    { headers: { 'retry-after': '1' } },
  );
}
