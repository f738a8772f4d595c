/** Groups and known hosts of the dispatcher's namespace, for target expressions; asked for only when one needs them. */
import { type GroupSource, hostKey, type Namespace } from '@pogo/core';
import type { Dispatcher } from '../api/dispatcher.js';
import { exitCodes, failed, type Result, success } from '../failure.js';

export interface LoadedNamespace {
  readonly version: number;
  readonly namespace: Namespace;
}

/** What is in force in the namespace of that name; undefined when no file was ever applied there. */
export type LoadNamespace = (name: string) => Promise<Result<LoadedNamespace | undefined>>;

/** Reads the file that is in force, and compiles it here, by the same rules. */
export async function loadNamespace(
  dispatcher: Dispatcher,
  name: string,
): Promise<Result<LoadedNamespace | undefined>> {
  const shown = await dispatcher.namespace(name);
  if (!shown.ok) return shown;
  const { version, text } = shown.value;
  if (text === undefined) return success(undefined);
  const namespace = await compiledVersion(version, text);
  return namespace.ok ? success({ version, namespace: namespace.value }) : namespace;
}

/** What the file of a version comes to. */
export async function compiledVersion(version: number, text: string): Promise<Result<Namespace>> {
  const { checkNamespace } = await import('@pogo/protocol');
  const checked = checkNamespace(text, `version ${version}`);
  if (checked.ok) return success(checked.namespace);
  return failed({
    code: 'namespace-unreadable',
    message: `version ${version} of the dispatcher's namespace can't be read here, so its groups aren't known (${checked.problems[0]!.message}): install the same release on both, or name the hosts themselves`,
    exitCode: exitCodes.error,
  });
}

/** The same of the one that is meant. */
export type LoadThisNamespace = () => ReturnType<LoadNamespace>;

/** A namespace that is loaded once, when it is needed first. */
export class NamespaceGroups {
  /** Other names of hosts that were looked up, with the hosts' own (S6). */
  readonly renamed = new Map<string, string>();
  readonly #load: LoadThisNamespace | undefined;
  #groups: GroupSource | undefined;
  #isAsked = false;

  /** @param load absent: there is none to ask */
  constructor(load?: LoadThisNamespace) {
    this.#load = load;
  }

  /** Once loaded. */
  get groups(): GroupSource | undefined {
    return this.#groups;
  }

  /** Loads it, unless that was done; resolves to whether there is anything new to expand with. */
  async load(): Promise<Result<boolean>> {
    if (this.#isAsked || this.#load === undefined) return success(false);
    this.#isAsked = true;
    const loaded = await this.#load();
    if (!loaded.ok) return loaded;
    if (loaded.value === undefined) return success(false);
    const { groups } = loaded.value.namespace;
    this.#groups = { ...groups, ownName: (host) => this.#noted(host, groups.ownName?.(host)) };
    return success(true);
  }

  #noted(host: string, own: string | undefined): string | undefined {
    if (own !== undefined && hostKey(own) !== hostKey(host)) this.renamed.set(host, own);
    return own;
  }
}
