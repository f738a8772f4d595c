/**
 * Loads a method from outside: a module of the worker's own configuration, never of a job (docs/AUTH-METHODS.md).
 *
 * 1. Whatever the module is or does, short of never giving the processor back, loading and preparing it ends within
 *    {@link patienceMs} with a method or with a sentence.
 * 2. It gets what it says that it needs, and nothing else of the seal.
 * 3. Nothing that it throws is shown: its text may hold anything.
 */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, delay } from '@pogo/lifecycle';
import {
  type AuthMethod,
  authMethodVersion,
  type JobCredentials,
  type PreparedMethod,
  type PreparedMethodOutcome,
} from './auth-method.js';

/** Long enough for a key's KDF, and for a question to another machine. */
const patienceMs = 10_000;

export interface PreparePluginOptions {
  /** As the job and the worker's configuration call it. */
  readonly name: string;
  /** Absolute path of a module, or of a package with `main`. */
  readonly path: string;
  readonly credentials: JobCredentials;
  readonly clock: Clock;
}

export async function preparePlugin(options: PreparePluginOptions): Promise<PreparedMethodOutcome> {
  const { name, path, credentials, clock } = options;
  const refuse = (text: string) => ({ ok: false as const, message: `its plug-in ${path} ${text}` });
  const loaded = await within(clock, load(path));
  if (loaded === undefined) return refuse(`was not loaded within ${patienceMs / 1000} s`);
  if (typeof loaded === 'string') return refuse(loaded);
  const missing = missingOf(loaded.module);
  if (missing !== undefined) return refuse(missing);
  const { authMethod } = loaded.module as { authMethod: AuthMethod };
  const lacking = lackingFor(authMethod, credentials);
  if (lacking !== undefined) return { ok: false, message: lacking };
  const prepared = await within(clock, prepare(authMethod, onlyNeeded(authMethod, credentials)));
  if (prepared === undefined) return refuse(`did not finish preparing within ${patienceMs / 1000} s`);
  if (typeof prepared === 'string') return refuse(prepared);
  if (!isRecord(prepared.outcome)) return refuse('gave no outcome of `prepare`');
  const { ok, method, message, warnings } = prepared.outcome;
  if (ok === false && typeof message === 'string') return { ok: false, message };
  if (ok !== true || !isPrepared(method)) return refuse('gave no usable method: see docs/AUTH-METHODS.md');
  return {
    ok: true,
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    method: {
      name,
      sshName: method.sshName,
      sendsPassword: method.sendsPassword,
      shown: method.shown,
      action: () => method.action(),
    },
  };
}

/** A clause on why not, or the module. */
async function load(path: string): Promise<string | { module: unknown }> {
  if (!isAbsolute(path)) return 'cannot be loaded (its path is not absolute)';
  try {
    const isPackage = (await stat(path)).isDirectory();
    const file = isPackage ? createRequire(import.meta.url).resolve(path) : path;
    return { module: await import(pathToFileURL(file).href) };
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'it throws when loaded';
    return `cannot be loaded (${cause})`;
  }
}

async function prepare(
  method: AuthMethod,
  credentials: JobCredentials,
): Promise<string | { outcome: unknown }> {
  try {
    return { outcome: await method.prepare(credentials) };
  } catch {
    return 'failed while it was being prepared';
  }
}

/** Why the module is no plug-in of this version. */
function missingOf(module: unknown): string | undefined {
  if (!isRecord(module)) return 'is no module';
  if (module.authMethodVersion === undefined) return 'has no export `authMethodVersion`';
  if (module.authMethodVersion !== authMethodVersion) {
    return `is of version ${String(module.authMethodVersion).slice(0, 20)}, and this worker takes version ${authMethodVersion}`;
  }
  const { authMethod } = module;
  if (!isRecord(authMethod)) return 'has no export `authMethod`';
  if (typeof authMethod.prepare !== 'function') return 'has no `authMethod.prepare`';
  const { needs } = authMethod;
  const named = isRecord(needs) ? (needs.secrets ?? []) : undefined;
  const isList = Array.isArray(named) && named.every((name) => typeof name === 'string');
  return isList ? undefined : 'does not say what it needs (`authMethod.needs`)';
}

/** What the user would have had to give. */
function lackingFor({ needs }: AuthMethod, credentials: JobCredentials): string | undefined {
  const lacking = [
    ...(needs.password === true && credentials.password === undefined ? ['password'] : []),
    ...(needs.identities === true && credentials.identities.length === 0 ? ['key'] : []),
    ...(needs.secrets ?? [])
      .filter((name) => !credentials.secrets.has(name))
      .map((name) => `secret "${name}"`),
  ];
  return lacking.length === 0 ? undefined : `no ${lacking.join(', no ')} came with the job`;
}

function onlyNeeded({ needs }: AuthMethod, credentials: JobCredentials): JobCredentials {
  const nothing = { agent: { keys: [] }, warnings: [] };
  return {
    password: needs.password === true ? credentials.password : undefined,
    identities: needs.identities === true ? credentials.identities : [],
    openIdentities: () => (needs.identities === true ? credentials.openIdentities() : nothing),
    secrets: new Map(
      (needs.secrets ?? []).flatMap((name) => {
        const secret = credentials.secrets.get(name);
        return secret === undefined ? [] : [[name, secret] as const];
      }),
    ),
  };
}

function isPrepared(method: unknown): method is PreparedMethod {
  return (
    isRecord(method) &&
    typeof method.sshName === 'string' &&
    typeof method.sendsPassword === 'boolean' &&
    typeof method.shown === 'string' &&
    typeof method.action === 'function'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function within<T>(clock: Clock, value: Promise<T>): Promise<T | undefined> {
  const enough = new AbortController();
  const first = await Promise.race([value, delay(clock, patienceMs, enough.signal).then(() => undefined)]);
  enough.abort();
  return first;
}
