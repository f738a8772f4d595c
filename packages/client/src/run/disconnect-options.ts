/** Options for commands that outlive their connection: docs/SURVIVE-DISCONNECT.md. */
import type { JobRequest } from '@pogo/protocol';
import { flag, type ValuesOf } from '../command-line/option.js';
import type { Configuration } from '../configuration/configuration.js';
import { settingOption } from '../configuration/setting-option.js';
import { type Result, success, usageFailure } from '../failure.js';
import { contradiction } from './contradiction.js';

export const disconnectOptions = {
  surviveDisconnect: flag(
    '--survive-disconnect',
    'the command goes on when its connection is lost, and its output is taken up again where it stopped',
  ),
  noSurviveDisconnect: flag('--no-survive-disconnect', 'it ends with its connection (default)'),
  disconnectLimit: settingOption(
    '--disconnect-limit',
    'disconnect_limit',
    'S',
    'with --survive-disconnect: end it when nobody has come back for so long (3600)',
  ),
} as const;

const defaultLimitMs = 3_600_000;

/** What the job has of it; absent where the command is to end with its connection. */
export function requestedSurvival(
  configuration: Configuration,
  { surviveDisconnect, noSurviveDisconnect, disconnectLimit }: ValuesOf<typeof disconnectOptions>,
): Result<Pick<JobRequest, 'surviveDisconnect'>> {
  if (surviveDisconnect === true && noSurviveDisconnect === false)
    return contradiction('--survive-disconnect', '--no-survive-disconnect');
  const survives =
    noSurviveDisconnect !== false && configuration.get('survive_disconnect', surviveDisconnect) === true;
  if (survives) {
    const limitMs = configuration.get('disconnect_limit', disconnectLimit) ?? defaultLimitMs;
    return success({ surviveDisconnect: { limitMs } });
  }
  if (disconnectLimit === undefined) return success({});
  return usageFailure(
    'usage',
    '--disconnect-limit is for a command that outlives its connection: give --survive-disconnect as well',
  );
}
