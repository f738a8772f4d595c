/** Where hosts ended, if that was in a step beside the command: what their output alone doesn't say. Pure. */
import { foldForPeople } from '@pogo/core';
import type { JobHostDocument } from '@pogo/protocol';
import { outcomeText } from './summary.js';

/** A host whose last attempt ended in a hook, `--pre`, `--post` or `--health`. */
export type HostWithStep = JobHostDocument & { readonly outcome: NonNullable<JobHostDocument['outcome']> };

export function endedInStep(host: JobHostDocument): host is HostWithStep {
  return host.outcome?.step !== undefined && host.outcome.state !== 'succeeded';
}

/** `web[1-2]: failed (health-failed): --health exited with 1`: hosts with equal outcomes together, in order. */
export function failedStepsText(hosts: readonly HostWithStep[]): string {
  const alike = new Map<string, string[]>();
  for (const { host, outcome } of hosts) {
    const text = outcomeText({ outcome });
    const others = alike.get(text);
    if (others === undefined) alike.set(text, [host]);
    else others.push(host);
  }
  return [...alike].map(([text, names]) => `pogo: ${foldForPeople(names)}: ${text}\n`).join('');
}
