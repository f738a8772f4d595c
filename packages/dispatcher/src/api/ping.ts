/** `GET /v1/ping`: every part, its version, and how far away it is. */
import { type DrainDocument, type PingResponse, pingResponseSchema, productVersion } from '@pogo/protocol';
import type { WorkerRecord } from '../workers/worker-registry.js';
import { document, storeUnavailable } from './answer.js';
import { problemResponses } from './documented-problems.js';
import type { InstanceContext } from './instance-routes.js';
import { type Route, route } from './route.js';

type PingContext = Pick<InstanceContext, 'name' | 'clock' | 'registry' | 'store' | 'served'>;

export function pingRoutes(context: PingContext): Route[] {
  const { clock, registry, store, served } = context;
  const { leader } = served.default;
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
      namespaceBy: 'instance',
      summary: 'Dispatcher, store and workers: versions and round trips',
      responses: {
        200: { description: 'The parts', schema: pingResponseSchema },
        ...problemResponses(401, 503),
      },
      async handle() {
        const led = await leader.view((state) => state.term);
        if (led.kind === 'lost') return storeUnavailable(leader);
        const assignedTo = new Map<string, number>();
        const drained = new Map<string, DrainDocument>();
        for (const one of served.all) {
          await one.leader.view((state) => {
            for (const [worker, { by, note, atMs }] of state.drained)
              drained.set(worker, { by, atMs, ...(note !== undefined && { note }) });
            for (const [worker, count] of state.assignedTo)
              assignedTo.set(worker, (assignedTo.get(worker) ?? 0) + count);
          });
        }
        const startMs = clock.monotonicMs();
        await leader.log.pointer();
        const roundTripMs = clock.monotonicMs() - startMs;
        const workers = await Promise.all(
          registry.all().map(async (record) => {
            const drain = drained.get(record.name);
            const worker = await pingWorker(record, assignedTo.get(record.name) ?? 0);
            return { ...worker, ...(drain && { drain }) };
          }),
        );
        const response: PingResponse = {
          dispatcher: {
            name: context.name,
            version: productVersion,
            term: led.answer,
            leads: served.all
              .filter((one) => one.leader.term !== undefined)
              .map(({ identity }) => identity.name),
            ...(leader.takenBy !== undefined && { leader: leader.takenBy }),
          },
          store: { kind: store.describe().driver, roundTripMs },
          workers,
        };
        return document(response);
      },
    }),
  ];
}
