import { isNamespaceName } from './definition.js';
import { quoted, type TargetError, type TargetErrorCode } from '../targets/target-error.js';

/** Where in a definition: keys and list indexes from its root. */
export type DefinitionPath = readonly (string | number)[];

/** What can be wrong with a definition besides its target expressions, whose codes are their own; stable. */
export type NamespaceProblemCode =
  | TargetErrorCode
  /** A name that can't be one. */
  | 'invalid-name'
  | 'unknown-app'
  | 'unknown-environment'
  /** A host that no group has. */
  | 'unknown-host'
  /** Groups that are made from each other. */
  | 'group-cycle'
  /** An app made from an environment. */
  | 'group-order'
  /** A host of a namespace has neither account nor port (S6). */
  | 'account-or-port'
  | 'duplicate-host'
  /** A host that another namespace's file has (S6). */
  | 'host-of-another-namespace'
  | 'duplicate-alias'
  /** An alias that a group names as a host of its own. */
  | 'alias-is-host'
  | 'invalid-limit'
  | 'sequence-repeats'
  | 'sequence-cycle'
  | 'sequence-too-long'
  | 'too-many-environments'
  | 'too-many-slots'
  | 'host-in-two-pools';

export interface NamespaceProblem {
  readonly code: NamespaceProblemCode;
  readonly path: DefinitionPath;
  /** What, why, and what to do, for people; harmless on a terminal. */
  readonly message: string;
  /** Where in the target expression at the path, in UTF-16 code units; absent when all of it is meant. */
  readonly offset?: number;
}

/** What is worth a look, and holds nevertheless. */
export interface NamespaceWarning {
  readonly code:
    | 'limit-rounded-up'
    | 'empty-group'
    | 'empty-slot'
    /** Hosts of a constrained app that are in no value of the environment type: nothing holds for them. */
    | 'unconstrained-hosts'
    /** A host in two apps of one sequence. */
    | 'host-in-two-stages';
  readonly path: DefinitionPath;
  readonly message: string;
}

/** Most problems that one compilation tells of. */
export const maxNamespaceProblems = 100;

/** Collects problems in the order in which they are found; those beyond the limit are counted and dropped. */
export class ProblemList {
  readonly problems: NamespaceProblem[] = [];
  #found = 0;

  /** How many were found. */
  get found(): number {
    return this.#found;
  }

  add(code: NamespaceProblemCode, path: DefinitionPath, message: string, offset?: number): void {
    this.#found += 1;
    if (this.problems.length >= maxNamespaceProblems) return;
    this.problems.push({ code, path, message, ...(offset === undefined ? {} : { offset }) });
  }

  /** An expression's own error, with its place. */
  addTargetError(path: DefinitionPath, text: string, error: TargetError): void {
    const place = `character ${error.offset + 1} of ${quoted(text)}`;
    this.add(error.code, path, `${error.message} (${place})`, error.offset);
  }
}

/** Some of many names, for a message. */
export function someOf(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** Names that follow each other, for a message. */
export function chainOf(names: readonly string[]): string {
  const shown = names.length > 12 ? [...names.slice(0, 10), '…', names.at(-1)!] : names;
  return shown.join(' → ');
}

/** A name as messages have it, also one that can't be a name. */
export function shownName(name: string): string {
  return isNamespaceName(name) ? name : quoted(name);
}
