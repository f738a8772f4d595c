/** `GET /v1/workers`, `POST /v1/workers/:name/drain` and `undrain`. */
import { type ClusterState, decideDrain, decideDrainLift, type LogEntry } from '@pogo/core';
import {
  type DrainResponse,
  drainRequestSchema,
  drainResponseSchema,
  undrainRequestSchema,
  type WorkerList,
  workerListSchema,
} from '@pogo/protocol';
import * as z from 'zod';
import { tellNamespaces } from '../workers/drain-worker.js';
import { workerDocuments } from '../workers/worker-documents.js';
import { type Answer, document, problem } from './answer.js';
import { problemResponses } from './documented-problems.js';
import { drainEverywhere } from './drain-everywhere.js';
import type { InstanceContext } from './instance-routes.js';
import { type Route, route } from './route.js';

const params = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'not the name of a worker'),
});
const responses = {
  200: { description: 'Durable; the worker as it is now', schema: drainResponseSchema },
  ...problemResponses(400, 401, 404, 503),
};

type Context = Pick<InstanceContext, 'principal' | 'limits' | 'clock' | 'registry' | 'served' | 'leaders'>;

export function workerRoutes(given: Context): Route[] {
  const { principal: by, limits, clock, registry, served } = given;
  const lostAfterMs = limits.workerLostAfterMs;
  const context = { registry, served, clock, lostAfterMs, startedAtMs: clock.wallMs() };
  const tell = async (name: string, decide: (state: ClusterState) => LogEntry[]): Promise<Answer> => {
    const before = await workerDocuments(context);
    if (!before.some((worker) => worker.name === name)) return unknownWorker(name);
    const untold = await tellNamespaces(await served.known(), decide);
    const worker = (await workerDocuments(context)).find((one) => one.name === name)!;
    return document({ worker, untold } satisfies DrainResponse);
  };
  return [
    route({
      method: 'GET',
      url: '/v1/workers',
      namespaceBy: 'instance',
      summary: 'The workers: who is connected, what each takes and has, who is drained',
      description:
        'Connected or away is as this dispatcher sees it. A worker that only the log knows, since it has not been connected while this dispatcher runs, has neither version nor capacity.',
      responses: {
        200: { description: 'All of them, by name', schema: workerListSchema },
        ...problemResponses(401, 503),
      },
      async handle() {
        return document({ workers: await workerDocuments(context), lostAfterMs } satisfies WorkerList);
      },
    }),
    drainEverywhere(
      given,
      route({
        method: 'POST',
        url: '/v1/workers/:name/drain',
        namespaceBy: 'instance',
        summary: 'Drain a worker',
        description:
          'It gets no further host, in any namespace, until that is lifted; what it has goes on. It is empty when `assigned` is 0. One that is drained stays as it was drained first. Each namespace keeps it in its own log: `untold` are those where nothing has changed since their log could not be written, so that it is to be said again.',
        params,
        body: drainRequestSchema,
        responses,
        handle: ({ params: { name }, body: { note } }) =>
          tell(name, (state) => decideDrain(state, { worker: name, by, note })),
      }),
      true,
    ),
    drainEverywhere(
      given,
      route({
        method: 'POST',
        url: '/v1/workers/:name/undrain',
        namespaceBy: 'instance',
        summary: 'Give a drained worker hosts again',
        description: 'One that is not drained stays so. `untold` as where it is drained.',
        params,
        body: undrainRequestSchema,
        responses,
        handle: ({ params: { name } }) => tell(name, (state) => decideDrainLift(state, { worker: name, by })),
      }),
      false,
    ),
  ];
}

function unknownWorker(name: string): Answer {
  return problem(
    'unknown-worker',
    `No worker ${JSON.stringify(name)} has ever been connected: GET /v1/workers lists those that are known.`,
    { errors: [{ path: 'path.name', message: 'no such worker' }] },
  );
}
