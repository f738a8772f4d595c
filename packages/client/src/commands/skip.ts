import { command } from '../command-line/command.js';
import { hostVerbOptions, useHostVerb } from './host-verb.js';

export default command({
  name: 'skip',
  summary: 'Leaves out hosts of a job that have not begun: they never start, and the others go on.',
  operands: 'JOB EXPR…',
  operandCount: { min: 2 },
  completes: ['last'],
  examples: ["pogo skip last 'web[13,17]'", 'pogo skip p0000000012 @file:broken.txt'],
  options: hostVerbOptions,
  run: (invocation) => useHostVerb({ ...invocation, verb: 'skip', done: 'skipped' }),
});
