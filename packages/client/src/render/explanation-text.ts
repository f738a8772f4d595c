/** What hosts of a job wait for, in sentences. Pure. */
import { deadlockText } from '@pogo/core';
import type { Explanation, JobDocument, ObstacleDocument } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { credentialsAdvice, deadlockAdvice } from './job-advice.js';
import { freezeText, rampOverText } from './standing-text.js';
import { countsText } from './summary.js';
import { timeText } from './time.js';

/**
 * A line about the job, then a paragraph for each group of hosts that wait for the same: what they wait for first, and
 * indented below it what they wait for besides.
 */
export function explanationText(
  job: Pick<JobDocument, 'hosts' | 'counts'>,
  { job: id, state, deadlock, waiting }: Explanation,
): string {
  const lines = [`${id} ${state}  ${countsText(job.hosts, job.counts)}`];
  if (deadlock !== undefined) {
    lines.push('it has ended, since nothing that it waited for could come by itself:');
    lines.push(...deadlock.map((cause) => `  ${deadlockText(cause, id)}`), deadlockAdvice(id));
  } else if (waiting.length === 0) {
    lines.push('none of its hosts waits for anything');
  }
  for (const { hosts, count, obstacles } of waiting) {
    const who = count === 1 ? `${hosts} waits` : `${hosts} (${count}) wait`;
    obstacles.forEach((obstacle, index) =>
      lines.push(`${index === 0 ? who : '  and'} ${obstacleText(obstacle)}`),
    );
  }
  if (state === 'needs-credentials') lines.push(credentialsAdvice(id));
  const obstacles = waiting.flatMap((one) => one.obstacles);
  const isPersonsTurn = obstacles.some((one) => one.kind === 'ramp' && one.waitsFor === 'confirmation');
  if (state === 'held') lines.push(`\`pogo resume ${id}\` lets it go on`);
  else if (isPersonsTurn)
    lines.push(`\`pogo resume ${id}\` begins the next step, \`pogo halt ${id}\` ends the job`);
  lines.push(...heldAdvice(obstacles));
  return `${lines.map(neutralise).join('\n')}\n`;
}

/** A host that is not well gives its place back to nobody before somebody has looked at it (S3). */
function heldAdvice(obstacles: readonly ObstacleDocument[]): string[] {
  const holders = obstacles.flatMap((one) => (one.kind === 'slot' ? one.holders : []));
  const jobs = [...new Set(holders.flatMap(({ job, notWell }) => (notWell > 0 ? [job] : [])))];
  if (jobs.length === 0) return [];
  const job = jobs.length === 1 ? jobs[0]! : 'JOB';
  return [
    `what is not well keeps its place until \`pogo retry ${job}\` succeeds there, or \`pogo release ${job} EXPR\` says that it is well; what waits for it waits until then, or until its own job timeout`,
  ];
}

type Holder = Extract<ObstacleDocument, { kind: 'slot' }>['holders'][number];

/** What comes behind `web1 waits`. */
export function obstacleText(obstacle: ObstacleDocument): string {
  switch (obstacle.kind) {
    case 'own-cap': {
      const { concurrent, disturbed } = obstacle;
      return `for room in the job's own limit: ${disturbed} of ${concurrent} in use`;
    }
    case 'slot': {
      const { slot, use, limit, holders } = obstacle;
      const by = holders.length === 0 ? '' : `, by ${holders.map(holderText).join(', ')}`;
      return `for room in ${slot}: ${use} of ${limit} in use${by}`;
    }
    case 'stage': {
      const { stage, pending, failed } = obstacle;
      const which =
        pending === 1
          ? `1 host of ${stage} that is not done`
          : `${pending} hosts of ${stage} that are not done`;
      return `for ${which}${failed === 0 ? '' : pending === 1 ? ': it failed' : `, ${failed} of them failed`}`;
    }
    case 'busy':
      return `until ${obstacle.jobs.join(', ')} ${obstacle.jobs.length === 1 ? 'is' : 'are'} done there, or known to be`;
    case 'frozen':
      return `for ${obstacle.slot ?? 'the namespace'}, which is ${freezeText(obstacle)}`;
    case 'ramp':
      return rampText(obstacle);
    case 'job-state':
      return `for the job, which is ${obstacle.state}${obstacle.by === undefined ? '' : ` by ${obstacle.by}`}`;
    case 'pool': {
      const { pool, connected } = obstacle;
      const worker = pool === undefined ? 'a worker' : `a worker of pool ${pool}`;
      if (connected === 0) return `for ${worker}: none is connected`;
      const [none, these] =
        connected === 1
          ? ["the one that is connected can't", 'it']
          : [`none of the ${connected} that are connected can`, 'these'];
      return `for ${worker} that can open the job's credentials: ${none}; \`pogo resume\` asks for them again, and seals for ${these}`;
    }
    case 'worker': {
      const { declining = [], draining = [] } = obstacle;
      const drained = draining.length === 0 ? '' : drainingText(draining);
      if (declining.length === 0) return `for a worker with room${drained}`;
      const they =
        declining.length === 1
          ? 'has refused hosts of this job, and gets'
          : 'have refused hosts of this job, and get';
      return `for a worker with room: ${declining.join(', ')} ${they} some again in a while${drained}`;
    }
  }
}

function drainingText(draining: readonly string[]): string {
  const [are, get] = draining.length === 1 ? ['is', 'gets'] : ['are', 'get'];
  return `; ${draining.join(', ')} ${are} being drained, and ${get} none: \`pogo workers drain ${draining[0]!} --off\` ends that`;
}

function rampText(ramp: Extract<ObstacleDocument, { kind: 'ramp' }>): string {
  const { step, steps, limit, waitsFor, nextAtMs } = ramp;
  switch (waitsFor) {
    case 'hosts':
      return `for the ${limit === 1 ? 'host' : `${limit} hosts`} of step ${step} of ${steps} of the ramp`;
    case 'pause':
      return `for the next step: ${rampOverText(ramp)}${nextAtMs === undefined ? '' : `, and it begins at ${timeText(nextAtMs)}`}`;
    case 'confirmation':
      return `for somebody to confirm: ${rampOverText(ramp)}`;
  }
}

function holderText({ job, running, notWell, hosts, more }: Holder): string {
  const counts = [
    ...(running > 0 ? [`${running} running`] : []),
    ...(notWell > 0 ? [`${notWell} not well`] : []),
  ];
  const named = [...(hosts === '' ? [] : [hosts]), ...(more > 0 ? [`${more} more`] : [])];
  return `${job} (${counts.join(', ')}: ${named.join(' and ')})`;
}
