import type { JobRecord } from '@pogo/core';
import type { SealedCredentials } from '@pogo/protocol';

/** Whether exactly those can open them that the log names for the job (V3). */
export function isSealedFor(
  { credentials }: { credentials: SealedCredentials },
  { recipients }: Pick<JobRecord, 'recipients'>,
): boolean {
  const sealed = new Set(credentials.recipients.map(({ header }) => header.kid));
  return sealed.size === new Set(recipients).size && recipients.every((kid) => sealed.has(kid));
}
