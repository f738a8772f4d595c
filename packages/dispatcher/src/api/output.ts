/** `GET /v1/jobs/:id/output` and `GET /v1/jobs/:id/hosts/:host/output`. */
import { Readable } from 'node:stream';
import { outputLineSchema } from '@pogo/protocol';
import * as z from 'zod';
import { viewJob, type JobView } from '../jobs/job-view.js';
import { parseByteRange } from '../output/byte-range.js';
import {
  hostOutputBytes,
  hostOutputLength,
  locateHostOutput,
  openEarlierOutput,
} from '../output/host-output.js';
import { jobOutput } from '../output/job-output.js';
import { type OpenedOutput, type OutputRequest, OutputSubscription } from '../output/output-subscription.js';
import { type Answer, problem } from './answer.js';
import type { ApiContext } from './context.js';
import { countFollower } from './count-follower.js';
import { problemResponses } from './documented-problems.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { booleanQuery, type Route, route } from './route.js';

const streamHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
const binary = 'application/octet-stream';

const hostQuery = z.strictObject({
  stream: z.enum(['stdout', 'stderr']).default('stdout'),
  attempt: z.coerce.number().int().min(1).optional(),
  follow: booleanQuery,
});
type HostQuery = z.infer<typeof hostQuery>;

const openTries = 3;

export function outputRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/jobs/:id/output',
      namespaceBy: 'job',
      summary: 'The output of all hosts, as lines of JSON',
      description:
        'In order and complete per stream; what can not be had is a `gap`. The last line is `end`. With `follow` it goes on until the job has ended and everything was delivered.',
      params: jobParams,
      query: z.strictObject({
        follow: booleanQuery,
        from: z
          .string()
          .max(4096)
          .optional()
          .describe('Where to begin, as `WORKER:POSITION`, separated by commas'),
      }),
      responses: {
        200: {
          description: 'Lines of output',
          schema: outputLineSchema,
          contentType: 'application/x-ndjson',
        },
        ...problemResponses(400, 401, 404, 503),
      },
      async handle({ params, query, signal }) {
        const from = parsePositions(query.from);
        if (from === undefined) {
          const message = 'not a list of WORKER:POSITION';
          return problem('invalid-request', `query.from: ${message}.`, {
            errors: [{ path: 'query.from', message }],
          });
        }
        const viewed = await viewJob(context, params.id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, params.id, context.leader);
        const lines = jobOutput(context, { view: viewed.view, follow: query.follow, from, signal });
        return {
          kind: 'stream',
          status: 200,
          contentType: 'application/x-ndjson; charset=utf-8',
          body: Readable.from(countFollower(context.metrics, 'output', lines), {
            objectMode: false,
            highWaterMark: 64 * 1024,
          }),
          headers: streamHeaders,
        };
      },
    }),
    route({
      method: 'GET',
      url: '/v1/jobs/:id/hosts/:host/output',
      namespaceBy: 'job',
      summary: "One host's stdout or stderr, byte for byte",
      description:
        'Takes a Range of one range. A transfer that breaks off is incomplete; one that ends is whole.',
      params: jobParams.extend({ host: z.string().min(1).max(300) }),
      query: hostQuery,
      headers: z.object({ range: z.string().optional() }),
      responses: {
        200: { description: 'The bytes', contentType: binary },
        206: { description: 'The bytes of the range', contentType: binary },
        ...problemResponses(400, 401, 404, 416, 503),
      },
      async handle({ params, query, headers, signal }) {
        const viewed = await viewJob(context, params.id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, params.id, context.leader);
        const host = viewed.view.hosts.hosts.indexOf(params.host);
        if (host === -1) {
          return problem(
            'unknown-host',
            `Job ${params.id} has no host ${JSON.stringify(params.host)}: name it as GET /v1/jobs/${params.id}/hosts does, without account and port.`,
          );
        }
        return hostOutput(context, { view: viewed.view, host, query, range: headers.range, signal });
      },
    }),
  ];
}

async function hostOutput(
  context: ApiContext,
  request: {
    view: JobView;
    host: number;
    query: HostQuery;
    range: string | undefined;
    signal: AbortSignal;
  },
): Promise<Answer> {
  const { view, host, query, signal } = request;
  const { stream, follow } = query;
  const located = await locateHostOutput(context, { view, host, stream, follow, signal });
  if (located.kind === 'unknown' || located.kind === 'lost')
    return lookupProblem(located, String(view.job), context.leader);
  const attempt = located.kind === 'none' ? located.attempt : located.place.attempt;
  if (query.attempt !== undefined && query.attempt > attempt) {
    return problem('unknown-host', `The host has had ${attempt} attempt${attempt === 1 ? '' : 's'} only.`);
  }
  if (query.attempt !== undefined && query.attempt < attempt) {
    return earlierOutput(context, { ...request, attempt: query.attempt });
  }
  if (located.kind === 'none') return bytesAnswer(Readable.from([]), 200, 0);
  const { worker, totalBytes } = located.place;
  const range = parseByteRange(request.range, totalBytes);
  if (range.kind === 'unsatisfiable') {
    return problem('range-not-satisfiable', `The stream has ${totalBytes} bytes.`, {
      headers: { 'content-range': `bytes */${totalBytes}` },
    });
  }
  const from = range.kind === 'range' ? range.first : 0;
  const until = range.kind === 'range' ? range.last + 1 : totalBytes;
  const asked = {
    job: view.job,
    host: { index: host, attempt, stream },
    from,
    ...(until !== undefined && { until }),
    follow: follow && totalBytes === undefined,
  };
  const opened = await openAtWorker(context, worker, asked, signal);
  if (opened === undefined) {
    return problem(
      'output-unavailable',
      `Worker ${worker}, which has the output, is not connected: try again when it is back.`,
      { headers: { 'retry-after': '5' } },
    );
  }
  if (opened.kind !== 'open') {
    if (opened.kind === 'not-found' && (totalBytes ?? 0) === 0) return bytesAnswer(Readable.from([]), 200, 0);
    return opened.kind === 'gone'
      ? problem('output-unavailable', `Worker ${worker} has disconnected: try again.`)
      : problem(
          'output-unavailable',
          `Worker ${worker} no longer has the output: it is past its retention.`,
          {
            status: 410,
          },
        );
  }
  const { subscription } = opened;
  // The worker ends what it sends with the job; a reader of one host wants the end of that host.
  const ending = follow && totalBytes === undefined && range.kind === 'all';
  const stop = new AbortController();
  const watching = AbortSignal.any([signal, stop.signal]);
  const length = ending
    ? hostOutputLength(context, { view, host, stream, follow, signal: watching })
    : undefined;
  const sent = hostOutputBytes(subscription, signal, length);
  const counted = countFollower(context.metrics, 'output', sent, () => stop.abort());
  const bytes = Readable.from(counted, { objectMode: false, highWaterMark: 64 * 1024 });
  if (range.kind === 'all') return bytesAnswer(bytes, 200, totalBytes);
  const lengthBytes = totalBytes === undefined ? undefined : range.last - range.first + 1;
  return bytesAnswer(bytes, 206, lengthBytes, {
    'content-range': `bytes ${range.first}-${range.last}/${totalBytes ?? '*'}`,
  });
}

/** Undefined when the worker isn't connected, nor back in time. A connection that breaks meanwhile is worth another try. */
async function openAtWorker(
  { registry }: ApiContext,
  worker: string,
  request: OutputRequest,
  signal: AbortSignal,
): Promise<OpenedOutput | undefined> {
  for (let tries = 1; ; tries++) {
    if (!(await registry.returning(worker, signal))) return undefined;
    const session = registry.get(worker)?.session;
    if (session === undefined) continue;
    const opened = await OutputSubscription.open(session, request);
    if (opened.kind !== 'gone' || tries === openTries) return opened;
  }
}

/** What the log no longer tells about: its length comes with its end. */
async function earlierOutput(
  context: ApiContext,
  request: {
    view: JobView;
    host: number;
    query: HostQuery;
    attempt: number;
    range: string | undefined;
    signal: AbortSignal;
  },
): Promise<Answer> {
  const { view, host, query, attempt, signal } = request;
  const range = parseByteRange(request.range, undefined);
  const subscription = await openEarlierOutput(context, view.job, {
    host: { index: host, attempt, stream: query.stream },
    from: range.kind === 'range' ? range.first : 0,
    ...(range.kind === 'range' && { until: range.last + 1 }),
  });
  if (subscription === undefined) {
    return problem(
      'output-unavailable',
      `No connected worker has the output of attempt ${attempt}: it never began, is past its retention, or its worker is away.`,
      { headers: { 'retry-after': '5' } },
    );
  }
  const sent = countFollower(context.metrics, 'output', hostOutputBytes(subscription, signal));
  const bytes = Readable.from(sent, { objectMode: false, highWaterMark: 64 * 1024 });
  if (range.kind !== 'range') return bytesAnswer(bytes, 200, undefined);
  return bytesAnswer(bytes, 206, undefined, { 'content-range': `bytes ${range.first}-${range.last}/*` });
}

function bytesAnswer(
  body: Readable,
  status: 200 | 206,
  lengthBytes: number | undefined,
  headers: Record<string, string> = {},
): Answer {
  return {
    kind: 'stream',
    status,
    contentType: binary,
    body,
    headers: {
      ...streamHeaders,
      'accept-ranges': 'bytes',
      ...(lengthBytes !== undefined && { 'content-length': String(lengthBytes) }),
      ...headers,
    },
  };
}

function parsePositions(text: string | undefined): Map<string, number> | undefined {
  const positions = new Map<string, number>();
  if (text === undefined || text === '') return positions;
  for (const item of text.split(',')) {
    const match = /^([a-z0-9][a-z0-9.-]{0,62}):(\d{1,15})$/.exec(item);
    if (match === null) return undefined;
    positions.set(match[1]!, Number(match[2]));
  }
  return positions;
}
