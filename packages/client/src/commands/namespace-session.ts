/** What commands about one namespace begin with: which one it is, and a dispatcher to ask. */
import { defaultNamespace } from '@pogo/core';
import { loadConfiguration } from '../configuration/configuration.js';
import { settingOption } from '../configuration/setting-option.js';
import type { Environment } from '../environment.js';
import type { ExitCode, Result } from '../failure.js';
import { type Session, withDispatcher } from './session.js';

export const namespaceOption = settingOption(
  '--ns, --namespace',
  'namespace',
  'NAME',
  `which namespace (${defaultNamespace.name})`,
);

/** Calls `use` with the namespace: that of the option, else the configured one, else `default`. */
export async function withNamespace(
  environment: Environment,
  option: string | undefined,
  use: (session: Session & { readonly namespace: string }) => Promise<Result<ExitCode>>,
): Promise<Result<ExitCode>> {
  const configuration = await loadConfiguration(environment);
  if (!configuration.ok) return configuration;
  const namespace = configuration.value.get('namespace', option) ?? defaultNamespace.name;
  return withDispatcher(environment, (session) => use({ ...session, namespace }), configuration.value);
}
