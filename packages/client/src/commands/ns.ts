import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { usageFailure } from '../failure.js';
import { checkFile } from './ns-check.js';

export default command({
  name: 'ns',
  summary: 'Checks a namespace file: which hosts there are, and how many of them may be disturbed at once.',
  operands: 'check FILE',
  operandCount: { min: 1 },
  completes: ['check'],
  examples: [
    'pogo ns check prod.yaml       # hosts, slots and limits; or what is wrong, by line',
    'pogo ns check prod.yaml --json',
    './make-namespace | pogo ns check -',
  ],
  options: { json: flag('--json', 'as a JSON document') },
  async run({ environment, options, operands }) {
    const [action, file, ...rest] = operands;
    if (action === 'check' && file !== undefined && rest.length === 0)
      return checkFile(environment, file, options.json === true);
    return usageFailure('usage', 'pogo ns takes check FILE; pogo ns --help shows examples');
  },
});
