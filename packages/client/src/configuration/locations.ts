import { isAbsolute, join } from 'node:path';
import { homeLayout, type HomeLayout } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';

/** A configuration file that may exist. */
export interface ConfigurationLocation {
  readonly path: string;
  /** Named by the user: its absence is an error. */
  readonly required: boolean;
}

/** Where client and `pogo up` keep their state: `POGO_HOME`, or `~/.pogo`. */
export function stateHome(environment: Environment): Result<HomeLayout> {
  const home = environment.variables['POGO_HOME'];
  if (home === undefined || home === '') return success(homeLayout(join(environment.homeDirectory, '.pogo')));
  if (!isAbsolute(home)) {
    return usageFailure(
      'invalid-home',
      `POGO_HOME is ${JSON.stringify(home)}, which is not an absolute path: give one`,
    );
  }
  return success(homeLayout(home));
}

/** Configuration files, the strongest first. With `POGO_HOME` the user's own lie in it. */
export function configurationLocations(
  environment: Environment,
  configOption: string | undefined,
): ConfigurationLocation[] {
  const { variables, homeDirectory } = environment;
  const named = configOption ?? (variables['POGO_CONFIG'] || undefined);
  const home = variables['POGO_HOME'] || undefined;
  const xdg = variables['XDG_CONFIG_HOME'] || join(homeDirectory, '.config');
  return [
    named === undefined
      ? { path: join(home ?? homeDirectory, '.pogoconf'), required: false }
      : { path: named, required: true },
    {
      path: home === undefined ? join(xdg, 'pogo', 'config.yaml') : join(home, 'config.yaml'),
      required: false,
    },
    { path: '/etc/pogo/client.yaml', required: false },
  ];
}
