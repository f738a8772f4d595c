/** What a file that people write has wrong: of every command that reads one. */
import { type FileProblem, formatFileProblem } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import { type Failure, usageFailure } from '../failure.js';
import { neutralise } from './escape.js';

export interface WrongFile {
  /** As messages name it. */
  readonly file: string;
  readonly problems: readonly FileProblem[];
  /** Of the failure: `invalid-namespace`. */
  readonly code: string;
  /** What comes of it: `no namespace can be made of it`. */
  readonly consequence: string;
}

/** Says what is wrong with a file on stderr, one problem a line; the answer sums them up. */
export function sayProblems(
  environment: Environment,
  { file, problems, code, consequence }: WrongFile,
): Failure {
  for (const problem of problems) environment.stderr.write(`${line(problem)}\n`);
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return usageFailure(code, `${neutralise(file)} has ${count}: ${consequence}`).failure;
}

export function reportWarnings(environment: Environment, warnings: readonly FileProblem[]): void {
  for (const warning of warnings) environment.stderr.write(`warning: ${line(warning)}\n`);
}

/** A problem as JSON has it: the document names its file once, and a problem of another file that one. */
export function shownProblem({ line, column, code, message }: FileProblem) {
  return { line, column, code, message };
}

function line(problem: FileProblem): string {
  return neutralise(formatFileProblem(problem));
}
