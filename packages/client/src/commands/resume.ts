import { command } from '../command-line/command.js';
import { useVerb, verbOptions } from './credentialed-verb.js';

export default command({
  name: 'resume',
  summary:
    'Lets a job go on that is held, needs its credentials again, or waits for a step of its ramp to be confirmed, and follows it. Asks for credentials only where nothing holds them any more, and seals them for this job alone.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: [
    'pogo resume last',
    'pogo resume p0000000012 --identity ~/.ssh/id_ed25519',
    'pogo resume 12 --yes --digest sha256:3b1f… --password-file ~/.pogo-password -d',
  ],
  options: verbOptions,
  run: (invocation) => useVerb({ ...invocation, verb: 'resume', doing: 'resuming', request: () => ({}) }),
});
