import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { useVerb, verbOptions } from './credentialed-verb.js';

export default command({
  name: 'retry',
  summary:
    'Runs a job again on hosts: those named, or else those that failed, could not be reached or never started. Hosts whose outcome is unknown only when they are named.',
  operands: 'JOB [EXPR…]',
  operandCount: { min: 1 },
  completes: ['last'],
  examples: [
    'pogo retry last',
    "pogo retry 12 'web[3,7]' --identity ~/.ssh/id_ed25519",
    'pogo retry p0000000012 db1 --fence',
  ],
  options: {
    fence: flag(
      '--fence',
      'you say that the worker which had these unknown hosts is gone for good: its order is turned away there, but what it has begun, should it live, is not stopped',
    ),
    ...verbOptions,
  },
  run: (invocation) =>
    useVerb({
      ...invocation,
      verb: 'retry',
      doing: 'retrying',
      request: (hosts) => ({ ...hosts, fence: invocation.options.fence === true }),
    }),
});
