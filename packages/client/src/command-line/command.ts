import type { Environment } from '../environment.js';
import type { ExitCode, Result } from '../failure.js';
import type { Completion, Options, ValuesOf } from './option.js';

/** A command before it is loaded. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** What a command gets from its command line. */
export interface Invocation<O extends Options> {
  readonly environment: Environment;
  readonly options: ValuesOf<O>;
  readonly operands: readonly string[];
  /** Every verb there is, the command's own among them. */
  readonly verbs: readonly Verb[];
}

/** One verb of `pogo`, as data: parsed, shown in help and completed from this one declaration. */
export interface Command<O extends Options = Options> {
  readonly name: string;
  readonly summary: string;
  /** What follows the options in the usage line: `-- CMD ARG…`. */
  readonly operands: string;
  /** Bounds on the number of operands; unbounded when absent. */
  readonly operandCount?: { readonly min: number; readonly max?: number };
  /** Options end at the first operand: what follows belongs to it. */
  readonly passThrough?: boolean;
  /** What a shell offers for operands. */
  readonly completes?: Completion;
  /** What it offers after one of these operands instead. */
  readonly completesAfter?: Readonly<Record<string, Completion>>;
  readonly examples: readonly string[];
  readonly options: O;
  run(invocation: Invocation<O>): Promise<Result<ExitCode>>;
}

/** Keeps the types of a command's options. */
export function command<const O extends Options>(declaration: Command<O>): Command<O> {
  return declaration;
}
