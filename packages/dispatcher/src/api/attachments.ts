/** `HEAD` and `PUT /v1/attachments/:sha256`: a job's script, before the job that refers to it. */
import { attachmentHashSchema, attachmentSchema, specLimits } from '@pogo/protocol';
import { Readable } from 'node:stream';
import * as z from 'zod';
import type { UploadOutcome } from '../attachments/attachment-store.js';
import { type Answer, document, problem } from './answer.js';
import { problemResponses } from './documented-problems.js';
import type { InstanceContext } from './instance-routes.js';
import { type Route, route } from './route.js';

const params = z.object({ sha256: attachmentHashSchema });
const megabytes = specLimits.maxScriptBytes / 1024 / 1024;

export function attachmentRoutes({
  attachments,
  peers,
}: Pick<InstanceContext, 'attachments' | 'peers'>): Route[] {
  return [
    route({
      method: 'HEAD',
      url: '/v1/attachments/:sha256',
      namespaceBy: 'instance',
      summary: 'How much of an attachment is here',
      description: '`Content-Length` says how many bytes, from its beginning on; 404 means none.',
      params,
      responses: {
        200: { description: 'Some of it, or all', contentType: 'application/octet-stream' },
        ...problemResponses(400, 401, 404),
      },
      async handle({ params: { sha256 } }) {
        const status = await attachments.status(sha256);
        if (status === undefined) return problem('not-found', 'Nothing of this attachment is here: PUT it.');
        return {
          kind: 'stream',
          status: 200,
          contentType: 'application/octet-stream',
          body: Readable.from([]),
          headers: { 'content-length': String(status.bytes), 'cache-control': 'no-store' },
        };
      },
    }),
    route({
      method: 'PUT',
      url: '/v1/attachments/:sha256',
      namespaceBy: 'instance',
      summary: 'Upload an attachment',
      description: `Its bytes as they are, up to ${megabytes} MiB. With \`Content-Range: bytes FIRST-LAST/TOTAL\` an upload that broke off goes on from where it stands (HEAD); without, it begins anew. The hash is checked at the end.`,
      params,
      headers: z.object({ 'content-range': z.string().optional() }),
      rawBody: true,
      responses: {
        200: { description: 'What is here now', schema: attachmentSchema },
        ...problemResponses(400, 401, 413, 416, 422, 503, 507),
      },
      async handle({ params: { sha256 }, headers, raw }) {
        const range = parseContentRange(headers['content-range']);
        if (range === undefined) {
          const message = 'not of the form bytes FIRST-LAST/TOTAL';
          return problem('invalid-request', `Content-Range: ${message}.`, {
            errors: [{ path: 'header.content-range', message }],
          });
        }
        const outcome = await attachments.write(sha256, { ...range, body: raw });
        if (outcome.kind === 'stored' && outcome.complete) peers.scripts.spread(sha256, outcome.bytes);
        return uploadAnswer(sha256, outcome);
      },
    }),
  ];
}

function uploadAnswer(sha256: string, outcome: UploadOutcome): Answer {
  switch (outcome.kind) {
    case 'stored':
      return document({ sha256, bytes: outcome.bytes, complete: outcome.complete });
    case 'broken-off':
      return problem(
        'invalid-request',
        'The body broke off: ask with HEAD how much is here, and go on from there.',
      );
    case 'wrong-offset':
      return problem(
        'range-not-satisfiable',
        `${outcome.bytes} bytes of it are here: go on from there, or send it without Content-Range.`,
        { headers: { 'content-range': `bytes */${outcome.bytes}` } },
      );
    case 'mismatch':
      return problem(
        'attachment-mismatch',
        'The bytes have another SHA-256 than the path says, and were dropped: send the file that was hashed.',
      );
    case 'too-large':
      return problem(
        'spec-too-large',
        `More bytes than announced, or than ${megabytes} MiB: nothing was kept.`,
      );
    case 'full':
      return problem(
        'attachments-full',
        `There is no room for it: the attachments of jobs take ${mebibytes(outcome.usedBytes)} of at most ${mebibytes(outcome.maxTotalBytes)}. They go a day after the last job that has them is forgotten; jobRetentionMs in the dispatcher's configuration lets that be sooner, attachmentsMaxBytes makes room for more.`,
      );
    case 'failed':
      return problem('store-unavailable', `The attachment could not be kept: ${outcome.message}.`, {
        headers: { 'retry-after': '5' },
      });
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}

/** Where the body begins, and the length of the whole; undefined when the header is none of ours. */
function parseContentRange(
  header: string | string[] | undefined,
): { from: number; totalBytes: number | undefined } | undefined {
  if (header === undefined) return { from: 0, totalBytes: undefined };
  const match = /^bytes (\d{1,12})-(\d{1,12})\/(\d{1,12})$/.exec(String(header));
  if (match === null) return undefined;
  const [from, last, totalBytes] = match.slice(1).map(Number) as [number, number, number];
  return from <= last && last < totalBytes ? { from, totalBytes } : undefined;
}
