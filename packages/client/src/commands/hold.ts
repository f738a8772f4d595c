import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { exitCodes, failed, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { standingSentences } from '../render/standing-text.js';
import { explainRefusal } from '../run/verb-refusal.js';
import { withJobId } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'hold',
  summary:
    'Lets a job start nothing new until it is resumed: running commands go on, and its timeout stands still.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo hold last', 'pogo hold p0000000012 --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options, operands }) =>
    withJobId(environment, operands[0]!, async ({ dispatcher, id }) => {
      const held = await dispatcher.act(id, 'hold', {});
      if (!held.ok) return failed(explainRefusal(held.failure, 'hold', id));
      if (options.json === true) return printed(environment, `${JSON.stringify(held.value, undefined, 2)}\n`);
      for (const sentence of standingSentences(held.value.job))
        environment.stderr.write(`${neutralise(sentence)}\n`);
      return success(exitCodes.success);
    }),
});
