import { foldTargets, formatTarget } from '@pogo/core';
import { command } from '../command-line/command.js';
import { flag, many, text } from '../command-line/option.js';
import { contradiction } from '../run/contradiction.js';
import { readTargets } from '../targets/targets.js';
import { printed } from './printed.js';

export default command({
  name: 'targets',
  summary: 'Prints the hosts of an expression: one a line, folded, or how many.',
  operands: 'EXPR…',
  operandCount: { min: 1 },
  examples: [
    "pogo targets 'web[1-3].{east,west}'",
    "pogo targets --count 'web[1-100]!web13'",
    'pogo targets --fold @file:hosts.txt -x web7',
    'getent hosts | cut -c1-15 | pogo targets --fold -',
  ],
  options: {
    expand: flag('--expand', 'one host a line (default)'),
    fold: flag('--fold', 'as short an expression as names them in this order'),
    count: flag('--count', 'how many hosts'),
    exclude: many('-x, --exclude', 'hosts to leave out (repeatable)', { argument: 'EXPR', parse: text }),
    json: flag('--json', 'as a JSON document'),
  },
  async run({ environment, options, operands }) {
    const { expand = false, fold = false, count = false, json = false } = options;
    if (Number(expand) + Number(fold) + Number(count) > 1) {
      return contradiction(expand ? '--expand' : '--fold', count ? '--count' : '--fold');
    }
    const targets = await readTargets(
      { expressions: operands, hostFiles: [], excluded: options.exclude ?? [] },
      environment,
    );
    if (!targets.ok) return targets;
    const names = targets.value.map(formatTarget);
    if (json) {
      const document = { count: names.length, folded: foldTargets(targets.value), hosts: names };
      return printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
    }
    if (count) return printed(environment, `${names.length}\n`);
    if (fold) return printed(environment, `${foldTargets(targets.value)}\n`);
    return printed(environment, names.map((name) => `${name}\n`).join(''));
  },
});
