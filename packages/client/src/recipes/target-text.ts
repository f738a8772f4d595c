/**
 * Values of parameters in a target expression.
 *
 * 1. A parameter of type `hosts` stands for a set of hosts: an operand of its own, which no operator around it takes apart.
 * 2. Any other stands for a part of a name. Its value can begin nothing new: no operator, group, range, account, port or file.
 * 3. Files of hosts come from whoever gives a value of type `hosts`, never from the template.
 */
import { filesNeeded, parseTargets, type TargetExpression } from '@pogo/core';
import type { Reference, Template } from './template.js';

export type RenderedTargets =
  { readonly ok: true; readonly expression: string } | { readonly ok: false; readonly message: string };

export interface TargetValue {
  readonly isHosts: boolean;
  readonly value: string;
}

const space = /\s/;
const operator = /[,!&^]/;
const partOfName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** Where a parameter of type `hosts` stands. */
type OperandPlace = 'alone' | 'first' | 'later' | 'inside';

/** What is wrong with the places of references, whatever their values (1); undefined: nothing. */
export function misplacedHosts(
  template: Template,
  isHosts: (name: string) => boolean,
): Reference | undefined {
  for (const [index, piece] of template.entries()) {
    if (piece.kind === 'reference' && isHosts(piece.name) && placeOf(template, index) === 'inside')
      return piece;
  }
  return undefined;
}

/** The expression with values in the place of references. */
export function renderTargets(template: Template, valueOf: (name: string) => TargetValue): RenderedTargets {
  let expression = '';
  const files = new Set<string>();
  for (const [index, piece] of template.entries()) {
    if (piece.kind === 'text') {
      expression += piece.text;
      continue;
    }
    const { isHosts, value } = valueOf(piece.name);
    if (!isHosts) {
      if (!partOfName.test(value)) {
        const message = `${piece.name}=${JSON.stringify(value)} can't be a part of a host's name: it has letters, digits, ".", "_" and "-", and begins with a letter or a digit`;
        return { ok: false, message };
      }
      expression += value;
      continue;
    }
    const parsed = parseTargets(value);
    if (!parsed.ok) return { ok: false, message: `${piece.name}: ${parsed.error.message}` };
    for (const path of filesNeeded(parsed.expression)) files.add(path);
    const operand = operandFor(placeOf(template, index), parsed.expression);
    if (operand === undefined) {
      const message = `${piece.name}=${JSON.stringify(value)} can't be combined with what stands beside it: give hosts and patterns with commas between them, such as web[1-3],db1, or one group`;
      return { ok: false, message };
    }
    expression += operand;
  }
  const whole = parseTargets(expression);
  if (!whole.ok) return { ok: false, message: `${JSON.stringify(expression)}: ${whole.error.message}` };
  const foreign = filesNeeded(whole.expression).find((path) => !files.has(path));
  if (foreign !== undefined) {
    const message = 'a recipe names files of hosts by the key hostfile, not in an expression';
    return { ok: false, message };
  }
  return { ok: true, expression };
}

/** The value as a text that means the same set there; undefined: there is none. */
function operandFor(place: OperandPlace, expression: TargetExpression): string | undefined {
  const { text, terms } = expression;
  switch (place) {
    case 'alone':
      return text.trim();
    case 'first':
      // From left to right, so whatever follows holds for all of a single term. A further one may be added by commas
      // when it has no other operator itself.
      return terms.slice(1).every(isUnion) ? terms.map((term) => termText(text, term)).join(',') : undefined;
    case 'later': {
      const [first, ...more] = terms.flatMap((term) => operandsOf(term));
      if (more.length === 0) return operandText(text, first!);
      const operands = [first!, ...more];
      const plain = terms.every(isUnion) && operands.every(isPlainPattern);
      return plain ? `{${operands.map((operand) => operandText(text, operand)).join(',')}}` : undefined;
    }
    case 'inside':
      return undefined;
  }
}

type Term = TargetExpression['terms'][number];
type Operand = Term['first'];

function operandsOf({ first, rest }: Term): Operand[] {
  return [first, ...rest.map(({ operand }) => operand)];
}

function isUnion({ rest }: Term): boolean {
  return rest.every((part) => part.operator === ',');
}

/** A pattern that can stand between braces. */
function isPlainPattern(operand: Operand): boolean {
  if (operand.kind !== 'host' && operand.kind !== 'pattern') return false;
  if (operand.user !== undefined || operand.port !== undefined) return false;
  return operand.kind === 'pattern' || !operand.host.includes(':');
}

function termText(text: string, term: Term): string {
  const parts = term.rest.map(({ operator: sign, operand }) => `${sign}${operandText(text, operand)}`);
  return `${operandText(text, term.first)}${parts.join('')}`;
}

function operandText(text: string, { offset, length }: Operand): string {
  return text.slice(offset, offset + length);
}

function placeOf(template: Template, index: number): OperandPlace {
  const before = neighbour(template[index - 1], 'before');
  const after = neighbour(template[index + 1], 'after');
  if (before === 'word' || after === 'word') return 'inside';
  if (before === 'operator') return 'later';
  return after === 'operator' ? 'first' : 'alone';
}

/** What stands beside a reference: white space next to an operator belongs to it, other white space ends a term. */
function neighbour(
  piece: Template[number] | undefined,
  side: 'before' | 'after',
): 'end' | 'operator' | 'word' {
  if (piece === undefined) return 'end';
  if (piece.kind === 'reference') return 'word';
  const trimmed = side === 'before' ? piece.text.trimEnd() : piece.text.trimStart();
  const next = side === 'before' ? trimmed.at(-1) : trimmed[0];
  if (next === undefined) return 'end';
  if (operator.test(next)) return 'operator';
  const adjacent = side === 'before' ? piece.text.at(-1)! : piece.text[0]!;
  return space.test(adjacent) ? 'end' : 'word';
}
