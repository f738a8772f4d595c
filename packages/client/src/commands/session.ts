/** What commands that talk to a dispatcher begin with. */
import type { HomeLayout } from '@pogo/protocol';
import { Dispatcher } from '../api/dispatcher.js';
import { type Access, readAccess } from '../api/profile.js';
import { type Configuration, loadConfiguration } from '../configuration/configuration.js';
import { stateHome } from '../configuration/locations.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, success } from '../failure.js';

export interface Session {
  readonly dispatcher: Dispatcher;
  readonly access: Access;
  /** Where the client keeps its state. */
  readonly layout: HomeLayout;
}

/**
 * Reads the profile, and calls `use` with the dispatcher, whose connections are closed afterwards.
 *
 * @param loaded the configuration, where it was read already
 */
export async function withDispatcher<T = ExitCode>(
  environment: Environment,
  use: (session: Session) => Promise<Result<T>>,
  loaded?: Configuration,
): Promise<Result<T>> {
  const layout = stateHome(environment);
  if (!layout.ok) return layout;
  const configuration = loaded === undefined ? await loadConfiguration(environment) : success(loaded);
  if (!configuration.ok) return configuration;
  const access = await readAccess(layout.value, configuration.value.get('dispatchers'));
  if (!access.ok) return access;
  const dispatcher = new Dispatcher(access.value, environment);
  try {
    return await use({ dispatcher, access: access.value, layout: layout.value });
  } finally {
    dispatcher.close();
  }
}
