/** Definitions of namespaces, short, for tests. */
import {
  type ConcurrencyLimit,
  compileNamespace,
  type Namespace,
  type NamespaceDefinition,
} from '@pogo/core';

export interface DefinitionParts {
  readonly apps: NamespaceDefinition['apps'];
  readonly envs?: NamespaceDefinition['envs'];
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  readonly constraints?: Readonly<
    Record<
      string,
      {
        readonly concurrency?: Readonly<Record<string, ConcurrencyLimit | number>>;
        readonly sequence?: readonly (readonly string[])[];
      }
    >
  >;
  readonly pools?: Readonly<Record<string, string>>;
}

/** The definition with what it leaves out; a number is a count. */
export function definitionOf({
  apps,
  envs = {},
  constraints = {},
  ...others
}: DefinitionParts): NamespaceDefinition {
  const filled = Object.entries(constraints).map(([type, { concurrency = {}, sequence = [] }]) => {
    const limits = Object.entries(concurrency).map(([app, limit]) => [
      app,
      typeof limit === 'number' ? { kind: 'count' as const, count: limit } : limit,
    ]);
    return [type, { concurrency: Object.fromEntries(limits), sequence }];
  });
  return { apps, envs, constraints: Object.fromEntries(filled), holdFailures: 'until-well', ...others };
}

export function percent(value: number): ConcurrencyLimit {
  return { kind: 'percent', percent: value };
}

export function compiled(definition: NamespaceDefinition): Namespace {
  const result = compileNamespace(definition);
  if (!result.ok) throw new Error(JSON.stringify(result.problems, undefined, 1));
  return result.namespace;
}

/** Names of slots or stages by their indexes. */
export function namesOf(list: readonly { readonly name: string }[], indexes: readonly number[]): string[] {
  return indexes.map((index) => list[index]!.name);
}
