import { type PingResponse, productVersion } from '@pogo/protocol';
import type { Dispatcher, DispatcherPing } from '../api/dispatcher.js';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { type Result, success } from '../failure.js';
import { drainText } from '../render/standing-text.js';
import { table } from '../render/table.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';

export default command({
  name: 'ping',
  summary: 'Shows dispatchers, store and workers: version and round trip of each.',
  operands: '',
  operandCount: { min: 0, max: 0 },
  examples: ['pogo ping', 'pogo ping --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options }) =>
    withDispatcher(environment, async ({ dispatcher }) => {
      const answered = await untilAnswered(dispatcher);
      if (!answered.ok) return answered;
      const { asked, first } = answered.value;
      const { store, workers } = first.pong;
      if (options.json === true) {
        const document = {
          client: { version: productVersion, roundTripMs: first.roundTripMs },
          url: first.url,
          ...first.pong,
          dispatchers: asked.map(dispatcherDocument),
        };
        return printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
      }
      const rows = [
        ['client', '', productVersion, ''],
        ...asked.map(dispatcherRow),
        ['store', store.kind, '', ms(store.roundTripMs)],
        ...workers.map((worker) => [
          'worker',
          worker.name,
          worker.version,
          `${worker.connected ? ms(worker.roundTripMs) : 'not connected'}, ${worker.assigned} of ${worker.capacity} in use${poolsText(worker.pools)}${worker.drain === undefined ? '' : `, ${drainText(worker.drain)}`}`,
        ]),
        ...(workers.length === 0 ? [['worker', 'none', '', 'jobs wait until one connects']] : []),
      ];
      return printed(environment, table(rows));
    }),
});

interface Pings {
  /** One of each dispatcher. */
  readonly asked: readonly DispatcherPing[];
  /** The first of them that answered. */
  readonly first: { readonly url: string; readonly roundTripMs: number; readonly pong: PingResponse };
}

/** Where none of several answers, they are asked again for a while: one of them may just be taking over. */
async function untilAnswered(dispatcher: Dispatcher): Promise<Result<Pings>> {
  for (;;) {
    const asked = await dispatcher.pingEach();
    for (const { url, roundTripMs, pong } of asked)
      if (pong.ok) return success({ asked, first: { url, roundTripMs, pong: pong.value } });
    const [only] = asked;
    const again = asked.length === 1 ? only!.pong : await dispatcher.ping();
    if (!again.ok) return again;
  }
}

function dispatcherRow({ url, roundTripMs, pong }: DispatcherPing): string[] {
  if (!pong.ok) return ['dispatcher', '-', '', `no answer, ${url} (${pong.failure.code})`];
  const { name, version, term, leads, leader } = pong.value.dispatcher;
  const role = [
    ...(leads !== undefined && leads.length > 0 ? [`leads ${leads.join(' ')}`] : []),
    ...(leader !== undefined && leader !== name ? [`follows ${leader}`] : []),
  ];
  return ['dispatcher', name, version, [ms(roundTripMs), `term ${term}`, ...role, url].join(', ')];
}

function dispatcherDocument({ url, roundTripMs, pong }: DispatcherPing): object {
  return pong.ok
    ? { url, roundTripMs, ...pong.value.dispatcher }
    : { url, problem: { code: pong.failure.code, message: pong.failure.message } };
}

/** A worker that was told of no pool is in `default`. */
function poolsText(pools: readonly string[] = []): string {
  if (pools.length === 0 || pools.join() === 'default') return '';
  return `, ${pools.length === 1 ? 'pool' : 'pools'} ${pools.join(', ')}`;
}

function ms(value: number | undefined): string {
  return value === undefined ? 'no round trip yet' : `${value.toFixed(1)} ms`;
}
