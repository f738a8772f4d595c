/** Whether what the log says of an attempt is what its host has seen (E1). */
import type { AttemptFacts } from './facts.js';

/** An outcome as it stands in the log, as far as the checker reads it. */
export interface LoggedOutcome {
  state: string;
  reason?: string;
  exitCode?: number;
}

/** Undefined when the facts bear it out; otherwise what contradicts it. */
export function contradiction(outcome: LoggedOutcome, facts: AttemptFacts | undefined): string | undefined {
  const end = facts?.end;
  switch (outcome.state) {
    case 'unknown':
      return undefined;
    case 'succeeded':
      return end?.kind === 'exit' && end.code === 0 ? undefined : seen(facts);
    case 'failed':
      return end?.kind === 'exit' && end.code !== 0 && end.code === outcome.exitCode
        ? undefined
        : seen(facts);
    case 'timed-out':
      return end?.kind === 'killed' && end.by === 'timeout' ? undefined : seen(facts);
    case 'killed':
      return facts === undefined || end?.kind === 'killed' ? undefined : seen(facts);
    case 'unreachable':
    case 'auth-failed':
    case 'denied':
      return facts === undefined ? undefined : seen(facts);
    default:
      return `no such state`;
  }
}

/** Whether an outcome says that the command never will begin. A kill may have come before it began, or after. */
export function excludesBeginning(outcome: LoggedOutcome): boolean {
  return outcome.state !== 'unknown';
}

function seen(facts: AttemptFacts | undefined): string {
  if (facts === undefined) return 'its command never began';
  return facts.end === undefined
    ? 'its command still runs'
    : `its command ended: ${JSON.stringify(facts.end)}`;
}
