/** `GET /v1/jobs/:id/events`: Server-Sent Events, or NDJSON. */
import { Readable } from 'node:stream';
import type { Clock, Timer } from '@pogo/lifecycle';
import { type JobEventDocument, jobEventSchema } from '@pogo/protocol';
import * as z from 'zod';
import { followJob } from '../events/follow-job.js';
import { parseEventId } from '../events/job-tracker.js';
import { viewJob } from '../jobs/job-view.js';
import { problem } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { countFollower } from './count-follower.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { booleanQuery, type Route, route } from './route.js';

const keepAliveMs = 15_000;

export function eventRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/jobs/:id/events',
      namespaceBy: 'job',
      summary: "A job's events, from its beginning or from behind `Last-Event-ID`",
      description:
        'Server-Sent Events when `Accept` has text/event-stream, newline-delimited JSON otherwise. Each line or `data` is one event. The stream ends with the job; NDJSON without `follow` ends with what has happened so far.',
      params: jobParams,
      query: z.strictObject({
        follow: booleanQuery.describe('Wait for further events (always so with Server-Sent Events)'),
        after: z.string().max(32).optional().describe('As the Last-Event-ID header, where none can be sent'),
      }),
      headers: z.object({ 'last-event-id': z.string().optional() }),
      responses: {
        200: { description: 'Events', schema: jobEventSchema, contentType: 'application/x-ndjson' },
        ...problemResponses(400, 401, 404, 503),
      },
      async handle({ params, query, headers, signal }) {
        const given = headers['last-event-id'] ?? query.after;
        const seen = typeof given === 'string' && given !== '' ? parseEventId(given) : undefined;
        if (typeof given === 'string' && given !== '' && seen === undefined) {
          const message = 'not the id of an event; ids look like 12.0';
          return problem('invalid-request', `Last-Event-ID: ${message}.`, {
            errors: [{ path: 'header.last-event-id', message }],
          });
        }
        const viewed = await viewJob(context, params.id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, params.id, context.leader);
        const sse = headers.accept?.includes('text/event-stream') ?? false;
        const request = { view: viewed.view, seen, live: sse || query.follow, signal };
        const counted = countFollower(context.metrics, 'events', followJob(context, request));
        return {
          kind: 'stream',
          status: 200,
          contentType: sse ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson; charset=utf-8',
          body: Readable.from(sse ? serverSentEvents(counted, context.clock) : lines(counted), {
            objectMode: false,
            highWaterMark: 16 * 1024,
          }),
          headers: { 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
        };
      },
    }),
  ];
}

async function* lines(events: AsyncIterable<JobEventDocument[]>): AsyncGenerator<string> {
  for await (const some of events) yield some.map((event) => `${JSON.stringify(event)}\n`).join('');
}

/** With a comment now and then, so that neither side takes a quiet connection for a dead one. */
async function* serverSentEvents(
  events: AsyncGenerator<JobEventDocument[]>,
  clock: Clock,
): AsyncGenerator<string> {
  let pending: Promise<IteratorResult<JobEventDocument[]>> | undefined;
  let timer: Timer | undefined;
  try {
    yield 'retry: 1000\n: events of a job\n\n';
    for (;;) {
      pending ??= events.next();
      const quiet = new Promise<undefined>((resolve) => {
        timer = clock.setTimer(keepAliveMs, () => resolve(undefined));
      });
      const step = await Promise.race([pending, quiet]);
      timer?.cancel();
      if (step === undefined) {
        yield ': still here\n\n';
        continue;
      }
      pending = undefined;
      if (step.done) return;
      yield step.value
        .map((event) => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
        .join('');
    }
  } finally {
    timer?.cancel();
    await events.return(undefined);
  }
}
