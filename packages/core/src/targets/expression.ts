/**
 * The tree of a parsed target expression. Its size is linear in the text: nothing is expanded, and the number of hosts
 * that a pattern names is known from `count` alone.
 */

/** `1-9/2`: numbers from first to last, padded with zeros to `width` digits (0: not padded). */
export interface RangeItem {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly width: number;
}

export type PatternPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'range'; readonly items: readonly RangeItem[]; readonly count: number }
  | { readonly kind: 'choice'; readonly alternatives: readonly Pattern[]; readonly count: number };

/** Parts that multiply, the leftmost one varying slowest. */
export interface Pattern {
  readonly parts: readonly PatternPart[];
  /** How many texts it stands for, duplicates included; may be beyond what an integer holds exactly. */
  readonly count: number;
  /** Whether `*` or `?` occurs in it. */
  readonly wildcard: boolean;
}

interface Placed {
  readonly offset: number;
  readonly length: number;
}
interface Addressed {
  readonly user?: string;
  readonly port?: number;
}

export type Operand = Placed &
  (
    | ({ readonly kind: 'host'; readonly host: string } & Addressed)
    | ({ readonly kind: 'pattern'; readonly pattern: Pattern } & Addressed)
    | { readonly kind: 'app'; readonly name: Pattern }
    | { readonly kind: 'environment'; readonly type: Pattern; readonly value: Pattern }
    | { readonly kind: 'everything' }
    /** Path `-` is standard input. */
    | { readonly kind: 'file'; readonly path: string }
  );

export const operators = [',', '!', '&', '^'] as const;
export type Operator = (typeof operators)[number];

/** Operands joined without white space between them, evaluated from left to right. */
export interface Term {
  readonly first: Operand;
  readonly rest: readonly { readonly operator: Operator; readonly operand: Operand }[];
}

export interface TargetExpression {
  readonly text: string;
  /** Their union, in order. */
  readonly terms: readonly Term[];
}

/** Every operand, from left to right. */
export function* operandsOf(expression: TargetExpression): Generator<Operand> {
  for (const term of expression.terms) {
    yield term.first;
    for (const { operand } of term.rest) yield operand;
  }
}

/** Files that have to be read before the expression can be expanded, each once; `-` is standard input. */
export function filesNeeded(expression: TargetExpression): string[] {
  const paths = new Set<string>();
  for (const operand of operandsOf(expression)) if (operand.kind === 'file') paths.add(operand.path);
  return [...paths];
}
