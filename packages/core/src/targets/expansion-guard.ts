import type { Operand } from './expression.js';
import { formatCount, quoted, targetError, type TargetError, type TargetFault } from './target-error.js';
import type { Conflict, TargetSet } from './target-set.js';
import { formatTarget } from './target.js';

/** How many times the limit all operands together may name, duplicates and removed hosts included. */
const namedPerLimit = 4;

/**
 * Watches over one expansion: keeps its limits, and its first failure, placed in the text that is being expanded. A
 * check that fails returns false.
 */
export class ExpansionGuard {
  failure: TargetError | undefined;
  /** The text whose operands are being evaluated: the expression, or a line of a file. */
  text = '';
  readonly limit: number;
  #named = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  fail(operand: Operand, fault: Omit<TargetFault, 'offset'>): undefined {
    this.failure ??= targetError(this.text, { offset: operand.offset, length: operand.length, ...fault });
    return undefined;
  }

  /** Checks the size of an operand as its text tells it, before it is expanded. */
  countWritten(operand: Operand): boolean {
    let count = 1;
    if (operand.kind === 'pattern') count = operand.pattern.count;
    else if (operand.kind === 'app') count = operand.name.count;
    else if (operand.kind === 'environment') count = operand.type.count * operand.value.count;
    return this.count(operand, count);
  }

  /** Adds to the hosts that have been named so far. */
  count(operand: Operand, count: number): boolean {
    if (count > this.limit) {
      const why = `names ${formatCount(count)} hosts, and at most ${formatCount(this.limit)} are allowed`;
      return this.#tooMany(operand, this.limit, why);
    }
    this.#named += count;
    const most = this.limit * namedPerLimit;
    if (this.#named <= most) return true;
    const named = `makes it ${formatCount(this.#named)} hosts named, repeated and removed ones included`;
    return this.#tooMany(operand, most, `${named}, and at most ${formatCount(most)} may be`);
  }

  fits(operand: Operand, set: TargetSet): boolean {
    if (set.size <= this.limit) return true;
    const why = `brings the hosts beyond ${formatCount(this.limit)}, and no more are allowed`;
    return this.#tooMany(operand, this.limit, why);
  }

  agrees(operand: Operand, conflict: Conflict | undefined): boolean {
    if (conflict === undefined) return true;
    const [earlier, later] = [formatTarget(conflict.earlier), formatTarget(conflict.later)].map(quoted);
    const why = `the same host is asked for as ${earlier} and as ${later}`;
    this.fail(operand, {
      code: 'conflicting-target',
      expected: 'one account and one port for a host',
      message: `${why}: a job reaches a host once, so name one account and port`,
    });
    return false;
  }

  #tooMany(operand: Operand, most: number, why: string): false {
    const name = quoted(this.text.slice(operand.offset, operand.offset + operand.length));
    this.fail(operand, {
      code: 'too-many-hosts',
      expected: `at most ${formatCount(most)} hosts`,
      message: `${name} ${why}: name fewer hosts, or split the job`,
    });
    return false;
  }
}
