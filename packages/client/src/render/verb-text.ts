import type { VerbResponse } from '@pogo/protocol';
import { neutralise } from './escape.js';

/** What a verb has come to: `retrying web[1-3] (3 hosts) of p0000000012`. */
export function verbText(doing: string, { job, affected, affectedHosts }: VerbResponse): string {
  if (affectedHosts === 0) return `${doing} ${job.id}${rampText(job)}`;
  const hosts = `${affectedHosts} host${affectedHosts === 1 ? '' : 's'}`;
  return neutralise(`${doing} ${affected} (${hosts}) of ${job.id}`);
}

/** What a step that was confirmed comes to. */
function rampText({ ramp, hosts }: VerbResponse['job']): string {
  if (ramp === undefined) return '';
  return `, step ${ramp.step} of ${ramp.steps} of its ramp: up to ${ramp.limit} of ${hosts} hosts`;
}
