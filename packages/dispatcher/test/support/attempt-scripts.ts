/** What a scripted worker makes of its attempts. */
import type { AttemptReport } from '@pogo/protocol';
import type { ScriptedWorker } from './scripted-worker.js';

export interface Attempt {
  job: number;
  host: number;
  attempt: number;
}

/** What becomes of an attempt: reports to send at once; none is silence. */
export type Script = (attempt: Attempt, worker: ScriptedWorker) => AttemptReport[];

export const succeed: Script = (attempt) => [
  { ...attempt, event: 'begun' },
  { ...attempt, event: 'started' },
  { ...attempt, event: 'finished', outcome: { state: 'succeeded', exitCode: 0 } },
];
export const fail: Script = (attempt) => [
  { ...attempt, event: 'begun' },
  {
    ...attempt,
    event: 'finished',
    outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 3, message: 'exited with 3' },
  },
];
export const silence: Script = () => [];
export const begin: Script = (attempt) => [
  { ...attempt, event: 'begun' },
  { ...attempt, event: 'started' },
];
