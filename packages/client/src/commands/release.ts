import { command } from '../command-line/command.js';
import { hostVerbOptions, useHostVerb } from './host-verb.js';

export default command({
  name: 'release',
  summary:
    'Says that hosts whose outcome is unknown are well: they stop counting against limits. Their outcome stays unknown.',
  operands: 'JOB EXPR…',
  operandCount: { min: 2 },
  completes: ['last'],
  examples: ['pogo release last web7', "pogo release 12 'web[3,7]' --json"],
  options: hostVerbOptions,
  run: (invocation) => useHostVerb({ ...invocation, verb: 'release', done: 'released' }),
});
