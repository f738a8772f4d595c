/**
 * `GET /v1/jobs` over all namespaces: what each of them lists, merged by the time at which the jobs were accepted.
 *
 * 1. A cursor says for each namespace that has more where it goes on, so that no page leaves a job out or has one twice,
 *    whatever is accepted meanwhile.
 * 2. A page ends where it isn't known what comes next: it may be shorter than asked for, and have a cursor all the same.
 */
import { formatJobId, namespaceNumberOf, parseJobId } from '@pogo/core';
import type { JobDocument, JobList } from '@pogo/protocol';
import { type Answer, document } from './answer.js';
import { invalidCursor } from './jobs.js';
import type { Route, RouteRequest } from './route.js';

interface Listed {
  jobs: JobDocument[];
  /** Of the page behind these. */
  nextCursor: string | undefined;
  /** How many of them were taken. */
  taken: number;
}

/** @param lists by the namespaces' numbers */
export async function listAllJobs(
  lists: ReadonlyMap<number, Route>,
  request: RouteRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const { cursor, ...query } = request.query as { cursor?: unknown; limit?: unknown };
  const positions = cursor === undefined ? undefined : parsePositions(cursor);
  if (positions === null) return invalidCursor();
  const listed: Listed[] = [];
  for (const [number, route] of lists) {
    const position = positions?.get(number);
    if (positions !== undefined && position === undefined) continue;
    const own = { ...query, ...(position !== undefined && { cursor: position }) };
    const answer = await route.serve({ ...request, query: own }, signal);
    if (answer.kind !== 'document') return answer;
    const { jobs, nextCursor } = answer.body as JobList;
    listed.push({ jobs, nextCursor, taken: 0 });
  }
  const jobs = merged(listed, limitOf(query.limit));
  const next = listed.flatMap(nextPosition);
  return document({ jobs, ...(next.length > 0 && { nextCursor: next.join('.') }) });
}

const defaultLimit = 100;

/** The limit was checked by whoever listed with it. */
function limitOf(limit: unknown): number {
  return limit === undefined ? defaultLimit : Number(limit);
}

/** (2) */
function merged(listed: readonly Listed[], limit: number): JobDocument[] {
  const jobs: JobDocument[] = [];
  while (jobs.length < limit) {
    let newest: Listed | undefined;
    for (const one of listed) {
      if (one.taken === one.jobs.length) {
        if (one.nextCursor !== undefined) return jobs;
        continue;
      }
      if (newest === undefined || isNewer(one, newest)) newest = one;
    }
    if (newest === undefined) return jobs;
    jobs.push(newest.jobs[newest.taken++]!);
  }
  return jobs;
}

function isNewer(one: Listed, other: Listed): boolean {
  return one.jobs[one.taken]!.acceptedAtMs > other.jobs[other.taken]!.acceptedAtMs;
}

/** Where the namespace goes on; nothing when it has no more. */
function nextPosition({ jobs, nextCursor, taken }: Listed): string[] {
  if (taken === jobs.length) return nextCursor === undefined ? [] : [nextCursor];
  if (taken > 0) return [jobs[taken - 1]!.id];
  return [formatJobId(parseJobId(jobs[0]!.id)! + 1)];
}

/** By the namespaces' numbers; null when it is no cursor of this list. */
function parsePositions(cursor: unknown): Map<number, string> | null {
  const positions = new Map<number, string>();
  if (typeof cursor !== 'string') return null;
  for (const position of cursor.split('.')) {
    const job = parseJobId(position);
    if (job === undefined) return null;
    // A position may be that behind the newest job there can be: the one before it says where.
    positions.set(namespaceNumberOf(job - 1), position);
  }
  return positions;
}
