import { command } from '../command-line/command.js';
import { useVerb, verbOptions } from './credentialed-verb.js';

export default command({
  name: 'resolve',
  summary:
    'Asks hosts whose outcome is unknown what became of the command there: those named, or all of them. Nothing is run again.',
  operands: 'JOB [EXPR…]',
  operandCount: { min: 1 },
  completes: ['last'],
  examples: ['pogo resolve last', "pogo resolve 12 'web[3,7]' --identity ~/.ssh/id_ed25519"],
  options: verbOptions,
  run: (invocation) =>
    useVerb({ ...invocation, verb: 'resolve', doing: 'resolving', request: (hosts) => hosts }),
});
