import { one } from '../command-line/option.js';
import type { Result } from '../failure.js';
import { parseSettingText, type SettingName, settings, type SettingValue } from './settings.js';

/** An option that sets a setting. */
export function settingOption<Name extends SettingName>(
  spellings: string,
  name: Name,
  argument: string,
  description: string,
  completes?: 'file' | 'directory' | readonly string[],
) {
  return one<SettingValue<Name>>(spellings, description, {
    argument,
    parse: (value) => parseSettingText(settings[name], value) as Result<SettingValue<Name>>,
    ...(completes !== undefined && { completes }),
  });
}
