/** What a handler answers: a document, a stream, or a problem (RFC 9457). Nothing expected is thrown. */
import type { Readable } from 'node:stream';
import { type JobDocument, type Problem, type ProblemCode, problemTypePrefix } from '@pogo/protocol';
import type { ReignEnd } from '../leader/reign.js';

export type Answer =
  | { kind: 'document'; status: number; body: unknown; headers?: Record<string, string> }
  | { kind: 'stream'; status: number; contentType: string; body: Readable; headers?: Record<string, string> }
  | { kind: 'text'; status: number; contentType: string; body: string }
  | ProblemAnswer;

export interface ProblemAnswer {
  kind: 'problem';
  problem: Problem;
  headers?: Record<string, string>;
}

const problems: Readonly<Record<ProblemCode, { status: number; title: string }>> = {
  unauthenticated: { status: 401, title: 'No valid bearer token' },
  forbidden: { status: 403, title: 'Not allowed' },
  'not-found': { status: 404, title: 'No such resource' },
  'unknown-job': { status: 404, title: 'No such job' },
  'unknown-host': { status: 404, title: 'No such host in this job' },
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'invalid-target': { status: 400, title: 'The target expression is not valid' },
  'too-many-targets': { status: 400, title: 'Too many targets' },
  'hosts-not-in-namespace': { status: 400, title: 'The namespace does not know some hosts' },
  'host-of-another-namespace': { status: 400, title: 'Another namespace has some hosts' },
  'namespace-invalid': { status: 422, title: 'The namespace file is not valid' },
  'namespace-changed': { status: 412, title: 'Another version of the namespace was applied meanwhile' },
  'unknown-namespace': { status: 404, title: 'No such namespace' },
  'unknown-version': { status: 404, title: 'No such version of the namespace' },
  'unknown-slot': { status: 404, title: 'No such slot in the namespace' },
  'unknown-worker': { status: 404, title: 'No such worker' },
  'numbers-used-up': { status: 409, title: 'There are no numbers left' },
  'spec-too-large': { status: 413, title: 'The request is too large' },
  'digest-mismatch': { status: 422, title: 'The digest is not that of the spec' },
  'idempotency-mismatch': { status: 422, title: 'The idempotency key was used for another spec' },
  'idempotency-key-missing': { status: 400, title: 'The Idempotency-Key header is missing' },
  'no-worker': { status: 503, title: 'No worker is connected' },
  'recipients-changed': { status: 409, title: 'The credentials are sealed for workers that are not known' },
  'credentials-missing': { status: 400, title: 'The credentials are missing' },
  'job-ended': { status: 409, title: 'The job has ended' },
  'job-changed': { status: 412, title: 'The job has changed' },
  'job-running': { status: 409, title: 'The job is running' },
  'credentials-needed': { status: 409, title: 'The job needs credentials' },
  'nothing-to-do': { status: 409, title: 'There is nothing to do' },
  'worker-may-return': { status: 409, title: 'A worker may still carry out its order' },
  'host-not-unknown': { status: 409, title: 'The outcome of a host is known' },
  'attachment-missing': { status: 409, title: 'The attachment is not here' },
  'attachments-full': { status: 507, title: 'There is no room for the attachment' },
  'attachment-mismatch': { status: 422, title: 'The bytes are not those of the attachment' },
  'range-not-satisfiable': { status: 416, title: 'The range is outside of the output' },
  'output-unavailable': { status: 503, title: 'The output can not be had just now' },
  'not-ready': { status: 503, title: 'The dispatcher is not ready' },
  'store-unavailable': { status: 503, title: 'The store is not available' },
  'leader-broke-off': { status: 502, title: 'The leading dispatcher did not answer' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
};

export interface ProblemExtras {
  status?: number;
  errors?: { path: string; message: string }[];
  headers?: Record<string, string>;
  /** The job as it is now. */
  job?: JobDocument;
}

/** @param detail what was wrong and what to do, for people. */
export function problem(code: ProblemCode, detail: string, extras: ProblemExtras = {}): ProblemAnswer {
  const { status, title } = problems[code];
  return {
    kind: 'problem',
    problem: {
      type: `${problemTypePrefix}${code}`,
      title,
      status: extras.status ?? status,
      detail,
      ...(extras.errors && { errors: extras.errors }),
      ...(extras.job && { job: extras.job }),
    },
    ...(extras.headers && { headers: extras.headers }),
  };
}

export function document(body: unknown, status = 200, headers?: Record<string, string>): Answer {
  return { kind: 'document', status, body, ...(headers && { headers }) };
}

/** For everything that needs the log while nobody leads; `leader` knows whether that is the store's fault. */
export function storeUnavailable({ lastEnd }: { lastEnd: ReignEnd | undefined }): ProblemAnswer {
  const detail =
    lastEnd?.kind === 'store-unavailable'
      ? `This dispatcher can neither read nor decide: ${lastEnd.detail}.`
      : 'This dispatcher does not lead its log at the moment, so it can neither read nor decide: try again shortly.';
  return problem('store-unavailable', detail, { headers: { 'retry-after': '1' } });
}
