import { expandPattern } from '../targets/expand-pattern.js';
import { operandsOf, type Operand, type TargetExpression } from '../targets/expression.js';
import { parseTargets } from '../targets/parse.js';
import { quoted } from '../targets/target-error.js';
import type { GroupExpression, GroupNames } from './group.js';
import type { DefinitionPath, ProblemList } from './problem.js';

/** Most groups that all expressions of a namespace may name, each as often as it is named. */
const maxReferences = 1_000_000;

/**
 * Reads the target expressions of a namespace: what the grammar allows, less what has no place in one (accounts, ports,
 * files, groups that don't exist).
 */
export class ExpressionReader {
  readonly #names: GroupNames;
  readonly #problems: ProblemList;
  #references = 0;

  constructor(names: GroupNames, problems: ProblemList) {
    this.#names = names;
    this.#problems = problems;
  }

  /** Undefined when something is wrong with it, which the problems then have. */
  read(text: string, path: DefinitionPath, place: 'app' | 'elsewhere'): GroupExpression | undefined {
    const parsed = parseTargets(text);
    if (!parsed.ok) {
      this.#problems.addTargetError(path, text, parsed.error);
      return undefined;
    }
    const before = this.#problems.found;
    const groups: number[] = [];
    let [written, sweeps] = [0, 0];
    for (const operand of operandsOf(parsed.expression)) {
      switch (operand.kind) {
        case 'host':
        case 'pattern': {
          if (operand.user !== undefined || operand.port !== undefined)
            this.#accountOrPort(parsed.expression, path, operand);
          const count = operand.kind === 'host' ? 1 : operand.pattern.count;
          if (operand.kind === 'pattern' && operand.pattern.wildcard) sweeps += count;
          else written += count;
          break;
        }
        case 'everything':
          sweeps += 1;
          break;
        case 'file':
          this.#problems.addTargetError(path, text, {
            code: 'file-not-read',
            offset: operand.offset,
            length: operand.length,
            found: quoted(operand.path),
            expected: 'hosts or groups',
            message: 'a namespace reads no files of hosts: write the hosts here',
          });
          break;
        case 'app':
        case 'environment':
          this.#reference(parsed.expression, path, { operand, place, groups });
          break;
      }
    }
    if (this.#problems.found > before) return undefined;
    return { path, expression: parsed.expression, groups, written, sweeps };
  }

  #accountOrPort(expression: TargetExpression, path: DefinitionPath, operand: Operand): void {
    const written = expression.text.slice(operand.offset, operand.offset + operand.length);
    this.#problems.add(
      'account-or-port',
      path,
      `${quoted(written)} has an account or a port: a namespace says which hosts there are; account and port belong to the job`,
      operand.offset,
    );
  }

  /** Adds the numbers of the groups that an operand names. */
  #reference(
    { text }: TargetExpression,
    path: DefinitionPath,
    reference: {
      readonly operand: Operand & { kind: 'app' | 'environment' };
      readonly place: 'app' | 'elsewhere';
      readonly groups: number[];
    },
  ): void {
    const { operand, place, groups } = reference;
    const { offset, length } = operand;
    if (operand.kind === 'environment' && place === 'app') {
      const name = quoted(text.slice(offset, offset + length));
      const message = `an app can't be made from the environment ${name}: environments are made from apps`;
      this.#problems.add('group-order', path, message, offset);
      return;
    }
    const count = operand.kind === 'app' ? operand.name.count : operand.type.count * operand.value.count;
    this.#references += count;
    if (this.#references > maxReferences) {
      this.#problems.add('too-much-work', path, 'too many groups are named up to here: name fewer', offset);
      return;
    }
    for (const [name, number] of this.#namedBy(operand)) {
      if (number !== undefined) {
        groups.push(number);
        continue;
      }
      const what = operand.kind === 'app' ? 'app' : 'environment';
      this.#problems.addTargetError(path, text, {
        code: 'unknown-group',
        offset,
        length,
        found: quoted(name),
        expected: 'a group of the namespace',
        message: `unknown group ${quoted(name)}: the namespace has no such ${what}`,
      });
      return;
    }
  }

  *#namedBy(
    operand: Operand & { kind: 'app' | 'environment' },
  ): Generator<readonly [name: string, number: number | undefined]> {
    if (operand.kind === 'app') {
      for (const name of expandPattern(operand.name)) yield [`@${name}`, this.#names.app(name)];
      return;
    }
    const values = expandPattern(operand.value);
    for (const type of expandPattern(operand.type))
      for (const value of values) yield [`@${type}:${value}`, this.#names.environment(type, value)];
  }
}
