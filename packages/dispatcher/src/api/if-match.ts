/**
 * Jobs have a version: the log index of their last change, as the `ETag` of `GET /v1/jobs/:id` and of every verb's answer. A
 * verb with `If-Match` applies to that version only; without it, to whatever is there.
 */
import type { JobDocument } from '@pogo/protocol';
import * as z from 'zod';
import type { VersionedJob } from '../jobs/job-documents.js';
import { type Answer, document, problem, type ProblemAnswer } from './answer.js';

export const ifMatchHeaders = z.object({
  'if-match': z
    .string()
    .optional()
    .describe('The `ETag` of the job as it was looked at: refused with 412 when it has changed since'),
});

export type IfMatch =
  /** Undefined: any will do. */
  { ok: true; versions: readonly number[] | undefined } | { ok: false; problem: ProblemAnswer };

export function readIfMatch(headers: { 'if-match'?: string | string[] | undefined }): IfMatch {
  const header = headers['if-match'];
  const text = Array.isArray(header) ? header.join(',') : header?.trim();
  if (text === undefined || text === '*') return { ok: true, versions: undefined };
  const tags = text.split(',').map((tag) => tag.trim());
  if (!tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag))) {
    const message = 'not an ETag of this API, such as "41"';
    return {
      ok: false,
      problem: problem('invalid-request', `If-Match: ${message}.`, {
        errors: [{ path: 'header.if-match', message }],
      }),
    };
  }
  // One that is weak, or of something else, is no version of the job.
  const versions = tags.flatMap((tag) => (/^"\d{1,15}"$/.test(tag) ? [Number(tag.slice(1, -1))] : []));
  return { ok: true, versions };
}

export function jobEtag(version: number): { etag: string } {
  return { etag: `"${version}"` };
}

/** @param body the job itself, unless another is given */
export function jobAnswer(
  { document: job, version }: VersionedJob,
  status = 200,
  body: unknown = job,
): Answer {
  return document(body, status, jobEtag(version));
}

export function jobChanged(current: { document: JobDocument; version: number }): ProblemAnswer {
  const { document: job, version } = current;
  return problem(
    'job-changed',
    `${job.id} has changed since it was looked at: it is ${job.state} now, its version is "${version}". Look at it, then ask again.`,
    { job, headers: jobEtag(version) },
  );
}
