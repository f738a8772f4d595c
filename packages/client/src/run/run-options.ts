/** Every option of `pogo run`; the keys of a recipe are made from them (docs: RECIPES.md). */
import { flag, headerText, one, type ValuesOf } from '../command-line/option.js';
import { attachOptions } from './attach-options.js';
import { jobOptions } from './job-options.js';

export const runOptions = {
  ...jobOptions,
  dryRun: flag('-n, --dry-run', 'show the plan, run nothing'),
  ignoreEstimate: flag(
    '--ignore-estimate',
    'run although earlier runs of the command show that the job timeout is too short',
  ),
  ...attachOptions,
  idempotencyKey: one(
    '--idempotency-key',
    'run with the same key again to find the same job, not to make another',
    {
      argument: 'KEY',
      parse: headerText,
    },
  ),
} as const;
export type RunOptions = ValuesOf<typeof runOptions>;
