/** Why one host of a job is where it is, in sentences and a line for each decision. Pure. */
import type { HostExplanation } from '../run/explain-host.js';
import { neutralise } from './escape.js';
import { obstacleText } from './explanation-text.js';
import { timeText } from './time.js';

export function hostExplanationText(explanation: HostExplanation): string {
  const { job, state, host, hostState, waiting, decisions } = explanation;
  const lines = [`${host} ${hostState}  in ${job}, which is ${state}`];
  waiting.forEach((obstacle, index) =>
    lines.push(`${index === 0 ? 'it waits' : '  and'} ${obstacleText(obstacle)}`),
  );
  if (decisions.length === 0) lines.push('nothing was decided about it yet');
  for (const { entry, atMs, state: to, attempt, reason, detail } of decisions) {
    const where = entry === undefined ? 'before that' : `entry ${entry}`;
    const which = attempt === undefined ? '' : ` attempt ${attempt}`;
    const why = `${reason === undefined ? '' : ` (${reason})`}${detail === undefined ? '' : `: ${detail}`}`;
    lines.push(`  ${timeText(atMs)}  ${where}  ${to}${which}${why}`);
  }
  return `${lines.map(neutralise).join('\n')}\n`;
}
