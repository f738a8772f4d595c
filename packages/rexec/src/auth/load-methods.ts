/**
 * Finds the job's methods: built-in ones by name, others in the worker's own configuration, never in the job.
 *
 * 1. The order is the job's, and nothing is added to it.
 */
import type { Clock } from '@pogo/lifecycle';
import type { AuthMethod, JobCredentials, PreparedMethod, PreparedMethodOutcome } from './auth-method.js';
import { preparePlugin } from './load-plugin.js';
import { keyboardInteractive } from './methods/keyboard-interactive.js';
import { password } from './methods/password.js';
import { publickey } from './methods/publickey.js';

const builtIn: readonly AuthMethod[] = [publickey, password, keyboardInteractive];

export interface LoadMethodsOptions {
  readonly names: readonly string[];
  /** Name to the path of its module. */
  readonly plugins: Readonly<Record<string, string>>;
  readonly credentials: JobCredentials;
  readonly clock: Clock;
}

export interface LoadedMethods {
  readonly methods: readonly PreparedMethod[];
  /** Name to why not. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Of methods that are usable all the same: one of several keys, for example. */
  readonly warnings: readonly string[];
}

export async function loadMethods(options: LoadMethodsOptions): Promise<LoadedMethods> {
  const methods: PreparedMethod[] = [];
  const unusable = new Map<string, string>();
  const warnings: string[] = [];
  for (const name of options.names) {
    const prepared = await prepare(name, options);
    if (prepared.ok) {
      methods.push(prepared.method);
      warnings.push(...(prepared.warnings ?? []));
    } else {
      unusable.set(name, prepared.message);
    }
  }
  return { methods, unusable, warnings };
}

function prepare(
  name: string,
  { plugins, credentials, clock }: LoadMethodsOptions,
): PreparedMethodOutcome | Promise<PreparedMethodOutcome> {
  const own = builtIn.find((method) => method.name === name);
  if (own !== undefined) return own.prepare(credentials);
  const path = Object.hasOwn(plugins, name) ? plugins[name] : undefined;
  if (path !== undefined) return preparePlugin({ name, path, credentials, clock });
  return { ok: false, message: "no such method: it is neither built in nor in the worker's authPlugins" };
}
