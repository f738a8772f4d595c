/**
 * Finds the job's methods: built-in ones by name, others in the worker's own configuration, never in the job.
 *
 * 1. The order is the job's, and nothing is added to it.
 */
import type { AuthMethod, JobCredentials, PreparedMethod } from './auth-method.js';
import { keyboardInteractive } from './methods/keyboard-interactive.js';
import { password } from './methods/password.js';
import { publickey } from './methods/publickey.js';

const builtIn: readonly AuthMethod[] = [publickey, password, keyboardInteractive];

export interface LoadMethodsOptions {
  readonly names: readonly string[];
  /** Name to module path; a module's `authMethod` export is the method. */
  readonly plugins: Readonly<Record<string, string>>;
  readonly credentials: JobCredentials;
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
    const found = builtIn.find((method) => method.name === name) ?? (await loadPlugin(name, options.plugins));
    const prepared =
      typeof found === 'string' ? { ok: false as const, message: found } : prepare(found, options);
    if (prepared.ok) {
      methods.push(prepared.method);
      warnings.push(...prepared.warnings);
    } else {
      unusable.set(name, prepared.message);
    }
  }
  return { methods, unusable, warnings };
}

function prepare(method: AuthMethod, { credentials }: LoadMethodsOptions) {
  try {
    return method.prepare(credentials);
  } catch {
    // A plug-in's fault; its text may hold anything.
    return { ok: false as const, message: 'the method failed while it was being prepared' };
  }
}

async function loadPlugin(
  name: string,
  plugins: Readonly<Record<string, string>>,
): Promise<AuthMethod | string> {
  const path = Object.hasOwn(plugins, name) ? plugins[name] : undefined;
  if (path === undefined) return "no such method: it is neither built in nor in the worker's authPlugins";
  let loaded: unknown;
  try {
    loaded = await import(path);
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'it throws when loaded';
    return `its plug-in ${path} cannot be loaded (${cause})`;
  }
  return isPlugin(loaded)
    ? loaded.authMethod
    : `its plug-in ${path} has no export \`authMethod\` with \`prepare\``;
}

function isPlugin(loaded: unknown): loaded is { authMethod: AuthMethod } {
  if (typeof loaded !== 'object' || loaded === null || !('authMethod' in loaded)) return false;
  const { authMethod } = loaded;
  return (
    typeof authMethod === 'object' &&
    authMethod !== null &&
    'prepare' in authMethod &&
    typeof authMethod.prepare === 'function'
  );
}
