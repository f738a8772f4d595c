import type { TargetExpression } from '../targets/expression.js';
import type { DefinitionPath } from './problem.js';

/** An app, or one value of an environment type. Groups have numbers: apps first, as the definition orders them. */
export interface Group {
  readonly kind: 'app' | 'environment';
  readonly path: DefinitionPath;
  /** As expressions refer to it: `@frontend`, `@coast:east`. */
  readonly label: string;
  readonly expressions: readonly GroupExpression[];
}

/** One target expression of a group or a pool, parsed, and what it takes to expand it. */
export interface GroupExpression {
  readonly path: DefinitionPath;
  readonly expression: TargetExpression;
  /** Numbers of the groups that it names, as often as it does. */
  readonly groups: readonly number[];
  /** How many hosts it writes out, removed ones included; may be beyond what an integer holds exactly. */
  readonly written: number;
  /** How often it goes through all known hosts: patterns with a wildcard, and `@*`. */
  readonly sweeps: number;
}

/** Where groups are found by what an expression calls them. */
export class GroupNames {
  readonly #apps = new Map<string, number>();
  readonly #environments = new Map<string, Map<string, number>>();

  addApp(name: string, number: number): void {
    this.#apps.set(name, number);
  }

  addEnvironment(type: string, value: string, number: number): void {
    let values = this.#environments.get(type);
    if (values === undefined) this.#environments.set(type, (values = new Map()));
    values.set(value, number);
  }

  app(name: string): number | undefined {
    return this.#apps.get(name);
  }

  environment(type: string, value: string): number | undefined {
    return this.#environments.get(type)?.get(value);
  }
}
