/** What people get wrong about jobs: input, exit code, and text that must occur. */
import { type BadInput, tryBadInput } from './support/bad-input.js';

const cases: BadInput[] = [
  { what: 'an unknown job', args: ['status', 'p0000000099'], says: ['pogo: unknown-job: '] },
  {
    what: 'something that names no job',
    args: ['log', 'yesterday'],
    says: ['pogo: invalid-job: "yesterday" names no job'],
  },
  {
    what: 'a missing operand',
    args: ['halt'],
    says: ['pogo: usage: pogo halt is missing an operand. Usage: pogo halt [options] JOB'],
  },
  { what: 'an operand too many', args: ['wait', '1', '2'], says: ['takes no further operand "2"'] },
  {
    what: 'a state that is none',
    args: ['jobs', '--state', 'lost'],
    says: ['--state: "lost" is none of accepted, running'],
  },
  {
    what: 'something that names no job, to resume',
    args: ['resume', 'yesterday'],
    says: ['pogo: invalid-job: "yesterday" names no job'],
  },
  ...[['resume'], ['retry'], ['resolve'], ['skip', 'web1'], ['release', 'web1']].map(
    ([verb = '', ...hosts]) => ({
      what: `an unknown job to ${verb}`,
      args: [verb, '99', ...hosts],
      says: ['pogo: unknown-job: '],
    }),
  ),
  {
    what: 'hosts to resume, of which there is no choice',
    args: ['resume', '12', 'web1'],
    says: ['pogo resume takes no further operand "web1"'],
  },
  {
    what: 'skipping nothing',
    args: ['skip', '12'],
    says: ['pogo skip is missing an operand. Usage: pogo skip [options] JOB EXPR…'],
  },
  {
    what: 'releasing nothing',
    args: ['release', 'last'],
    says: ['pogo release is missing an operand'],
  },
  {
    what: 'a malformed expression to retry',
    args: ['retry', '12', 'web[1-'],
    says: ['pogo: invalid-target: ', '  web[1-\n        ^\n'],
  },
  {
    what: 'no host left to retry',
    args: ['retry', '12', 'web1!web1'],
    says: ['pogo: no-targets: the hosts that were given come to none'],
  },
  {
    what: 'a fence where there is none',
    args: ['resume', '12', '--fence'],
    says: ['pogo: unknown-option: unknown option --fence of pogo resume'],
  },
  {
    what: 'detached and gathered',
    args: ['retry', '12', '-d', '-b'],
    says: ['pogo: contradicting-options: --gather and --detach'],
  },
  {
    what: 'an attempt that is none',
    args: ['log', '12', '--attempt', '0'],
    says: ['--attempt: "0" is not a whole number from 1'],
  },
];

tryBadInput('bad input about jobs', cases);
