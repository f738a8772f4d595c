import type { LogEntry } from '@pogo/core';

type Halt = Extract<LogEntry, { type: 'halt-requested' }>;

/** What follows from it, where nobody has asked for it. */
const consequences: Readonly<Record<Halt['cause'], string>> = {
  request: '',
  'job-timeout':
    ': the time of the whole job is over (--job-timeout), so what runs is ended and what has not started never does; pogo retry starts it',
  'password-refused': ': hosts refused the password and none took it, so it is tried nowhere else',
  'failure-budget': ': as many hosts have failed as it may have (--max-failures), so nothing new starts',
};

/** Why a job is halted, for its events: the code comes first. */
export function haltText({ cause, by, kill }: Pick<Halt, 'cause' | 'by' | 'kill'>): string {
  return `halt: ${cause}, by ${by}${kill ? ', with kill' : ''}${consequences[cause]}`;
}
