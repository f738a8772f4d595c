/**
 * The settings in force: option > `POGO_*` variable > files, the strongest first. Files that don't exist cost one failed
 * open each; the YAML reader is loaded only for those that do.
 */
import { readFile } from 'node:fs/promises';
import type { Environment } from '../environment.js';
import { errorCode, systemErrorText } from '../system-error.js';
import { failed, type Result, success, usageFailure } from '../failure.js';
import type { SettingValues } from './configuration-file.js';
import { configurationLocations } from './locations.js';
import { parseSettingText, type SettingName, type SettingValue, settings, variableOf } from './settings.js';

export class Configuration {
  readonly #layers: readonly SettingValues[];

  /** @param layers the strongest first */
  constructor(layers: readonly SettingValues[]) {
    this.#layers = layers;
  }

  /** The value in force: that of the option if it was given, else of the strongest layer that has one. */
  get<Name extends SettingName>(
    name: Name,
    option?: SettingValue<Name> | undefined,
  ): SettingValue<Name> | undefined {
    if (option !== undefined) return option;
    const layer = this.#layers.find((values) => values.has(name));
    return layer?.get(name) as SettingValue<Name> | undefined;
  }
}

/** Reads variables and files. */
export async function loadConfiguration(
  environment: Environment,
  configOption?: string,
): Promise<Result<Configuration>> {
  const variables = settingsFromVariables(environment);
  if (!variables.ok) return variables;
  const layers = [variables.value];
  for (const { path, required } of configurationLocations(environment, configOption)) {
    let content: string;
    try {
      content = await readFile(path, 'utf8');
    } catch (error) {
      const missing = errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
      if (missing && !required) continue;
      return usageFailure('unreadable-file', `configuration file ${path}: ${systemErrorText(error)}`);
    }
    const { parseConfigurationFile } = await import('./configuration-file.js');
    const values = parseConfigurationFile(path, content, environment.homeDirectory);
    if (!values.ok) return values;
    layers.push(values.value);
  }
  return success(new Configuration(layers));
}

function settingsFromVariables({ variables }: Environment): Result<SettingValues> {
  const values = new Map<SettingName, unknown>();
  for (const name of Object.keys(settings) as SettingName[]) {
    const variable = variableOf(name);
    const value = variables[variable];
    if (value === undefined || value === '') continue;
    const parsed = parseSettingText(settings[name], value);
    if (!parsed.ok) return failed({ ...parsed.failure, message: `${variable}: ${parsed.failure.message}` });
    values.set(name, parsed.value);
  }
  return success(values);
}
