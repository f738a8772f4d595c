/** Options that say what is shown of a job that is followed, and how; or that it isn't. */
import { flag, one, text, type ValuesOf } from '../command-line/option.js';
import { settingOption } from '../configuration/setting-option.js';
import type { Result } from '../failure.js';
import { contradiction } from './contradiction.js';

/** Of every command that tells what a job is. */
export const viewOptions = {
  color: settingOption('--color', 'color', 'WHEN', 'auto (default), always or never', [
    'auto',
    'always',
    'never',
  ]),
  json: flag('--json', 'one JSON document at the end, on stdout'),
  quiet: flag('-q, --quiet', 'no progress and no summary'),
  verbose: flag('-v, --verbose', 'say more about what happens'),
} as const;

export const attachOptions = {
  ...viewOptions,
  detach: flag('-d, --detach', 'print the id of the job and leave it running'),
  gather: flag('-b, --gather', 'at the end, hosts with equal output together'),
  diff: flag('--diff', 'as --gather, the other groups as differences from the largest'),
  lineMode: flag('-L, --line-mode', 'each line with its host, also for one host'),
  jsonLines: flag('--jsonl', 'events and output as they come, one JSON document a line'),
  noProgress: flag('--no-progress', 'no live line on a terminal'),
  outputDirectory: one('--outdir', "write each host's output to a file in there", {
    argument: 'DIR',
    parse: text,
    completes: 'directory',
  }),
  yes: flag('--yes', 'ask no questions'),
} as const;
export type AttachOptions = ValuesOf<typeof attachOptions>;

/** Options of which each decides what is printed: one at most. */
export const outputModes: readonly (keyof AttachOptions)[] = [
  'jsonLines',
  'json',
  'gather',
  'diff',
  'outputDirectory',
  'detach',
];

/** Refuses two kinds of output at once. */
export function checkOutputModes(options: AttachOptions): Result<never> | undefined {
  const { json, jsonLines, gather, diff, outputDirectory, detach } = options;
  const modes = [
    ...(jsonLines === true ? ['--jsonl'] : []),
    ...(json === true && detach !== true ? ['--json'] : []),
    ...(gather === true && diff !== true ? ['--gather'] : []),
    ...(diff === true ? ['--diff'] : []),
    ...(outputDirectory !== undefined ? ['--outdir'] : []),
    ...(detach === true ? ['--detach'] : []),
  ];
  return modes.length > 1 ? contradiction(modes[0]!, modes[1]!) : undefined;
}
