import { productVersion } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { drainText } from '../render/standing-text.js';
import { table } from '../render/table.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';

export default command({
  name: 'ping',
  summary: 'Shows dispatcher, store and workers: version and round trip of each.',
  operands: '',
  operandCount: { min: 0, max: 0 },
  examples: ['pogo ping', 'pogo ping --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options }) =>
    withDispatcher(environment, async ({ dispatcher }) => {
      const startedMs = environment.clock.monotonicMs();
      const pong = await dispatcher.ping();
      const roundTripMs = environment.clock.monotonicMs() - startedMs;
      if (!pong.ok) return pong;
      const { dispatcher: answering, store, workers } = pong.value;
      if (options.json === true) {
        const document = {
          client: { version: productVersion, roundTripMs },
          url: dispatcher.url,
          ...pong.value,
        };
        return printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
      }
      const rows = [
        ['client', '', productVersion, ''],
        [
          'dispatcher',
          answering.name,
          answering.version,
          `${ms(roundTripMs)}, term ${answering.term}, ${dispatcher.url}`,
        ],
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

/** A worker that was told of no pool is in `default`. */
function poolsText(pools: readonly string[] = []): string {
  if (pools.length === 0 || pools.join() === 'default') return '';
  return `, ${pools.length === 1 ? 'pool' : 'pools'} ${pools.join(', ')}`;
}

function ms(value: number | undefined): string {
  return value === undefined ? 'no round trip yet' : `${value.toFixed(1)} ms`;
}
