/** `GET /v1/ping`: every part, its version, and how far away it is. */
import { type PingResponse, pingResponseSchema, productVersion } from '@pogo/protocol';
import type { WorkerRecord } from '../workers/worker-registry.js';
import { document, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { type Route, route } from './route.js';

export function pingRoutes(context: ApiContext): Route[] {
  const { clock, leader, registry, store } = context;
  const pingWorker = async ({ name, version, capacity, pools, session }: WorkerRecord, assigned: number) => {
    const answer = await session?.ping(() => clock.monotonicMs());
    return {
      name,
      version: answer?.version ?? version,
      connected: answer !== undefined,
      ...(answer && { roundTripMs: answer.roundTripMs }),
      capacity,
      assigned,
      pools: [...pools],
    };
  };
  return [
    route({
      method: 'GET',
      url: '/v1/ping',
      summary: 'Dispatcher, store and workers: versions and round trips',
      responses: {
        200: { description: 'The parts', schema: pingResponseSchema },
        ...problemResponses(401, 503),
      },
      async handle() {
        const state = await leader.read(({ term, assignedTo }) => ({
          term,
          assignedTo: new Map(assignedTo),
        }));
        if (state.kind === 'lost') return storeUnavailable(leader);
        const startMs = clock.monotonicMs();
        await leader.log.pointer();
        const roundTripMs = clock.monotonicMs() - startMs;
        const { term, assignedTo } = state.answer;
        const workers = await Promise.all(
          registry.all().map((record) => pingWorker(record, assignedTo.get(record.name) ?? 0)),
        );
        const response: PingResponse = {
          dispatcher: { name: context.name, version: productVersion, term },
          store: { kind: store.describe().driver, roundTripMs },
          workers,
        };
        return document(response);
      },
    }),
  ];
}
