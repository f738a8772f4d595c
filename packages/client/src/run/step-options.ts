/** Options for what happens on a host besides the command: its own hooks, the job's, and when it counts as done. */
import type { JobRequest } from '@pogo/protocol';
import { durationMs, flag, integer, one, text, type ValuesOf } from '../command-line/option.js';
import type { Configuration } from '../configuration/configuration.js';
import { type Result, success, usageFailure } from '../failure.js';
import { contradiction } from './contradiction.js';

const shellString = { argument: 'CMD', parse: text } as const;

export const stepOptions = {
  hooks: flag('--hooks', "run the hosts' own hooks, in /etc/pogo/pre.d and /etc/pogo/post.d (default)"),
  noHooks: flag('--no-hooks', 'run neither kind of them'),
  prehooks: flag('--prehooks', 'run those in /etc/pogo/pre.d, before the command (default)'),
  noPrehooks: flag('--no-prehooks', 'pass them over'),
  posthooks: flag('--posthooks', 'run those in /etc/pogo/post.d, after the command has succeeded (default)'),
  noPosthooks: flag('--no-posthooks', 'pass them over'),
  pre: one(
    '--pre',
    'shell string to run on each host first; where it fails, the command is not begun',
    shellString,
  ),
  post: one('--post', 'shell string to run on each host after the command has succeeded', shellString),
  health: one(
    '--health',
    'shell string that says whether the host is well again: it is done only when this succeeds',
    shellString,
  ),
  healthRetries: one('--health-retries', 'how often it is tried again (12)', {
    argument: 'N',
    parse: integer({ min: 0, max: 100 }),
  }),
  healthInterval: one('--health-interval', 'time between two tries, in seconds (5)', {
    argument: 'S',
    parse: durationMs({ maxMs: 3_600_000 }),
  }),
} as const;
type StepOptions = ValuesOf<typeof stepOptions>;

const defaults = { healthRetries: 12, healthIntervalMs: 5000 };

type Steps = Pick<JobRequest, 'hooks' | 'pre' | 'post' | 'health'>;

/** What the job has of them; what is off, and hooks that are on, are absent. */
export function requestedSteps(configuration: Configuration, options: StepOptions): Result<Steps> {
  const hooks = switched('hooks', options.hooks, options.noHooks);
  const pre = switched('prehooks', options.prehooks, options.noPrehooks);
  const post = switched('posthooks', options.posthooks, options.noPosthooks);
  if (!hooks.ok) return hooks;
  if (!pre.ok) return pre;
  if (!post.ok) return post;
  const health = healthCheck(options);
  if (!health.ok) return health;
  const isOff = (kind: 'prehooks' | 'posthooks', given: boolean | undefined) =>
    (given ?? hooks.value ?? configuration.get(kind) ?? configuration.get('hooks')) === false;
  const off = {
    ...(isOff('prehooks', pre.value) && { pre: false as const }),
    ...(isOff('posthooks', post.value) && { post: false as const }),
  };
  return success({
    ...(Object.keys(off).length > 0 && { hooks: off }),
    ...(options.pre !== undefined && { pre: options.pre }),
    ...(options.post !== undefined && { post: options.post }),
    ...(health.value && { health: health.value }),
  });
}

/** What the command line says of it: yes, no, or nothing. */
function switched(
  name: string,
  on: boolean | undefined,
  off: boolean | undefined,
): Result<boolean | undefined> {
  if (on === true && off === false) return contradiction(`--${name}`, `--no-${name}`);
  return success(on ?? off);
}

function healthCheck({ health, healthRetries, healthInterval }: StepOptions): Result<JobRequest['health']> {
  if (health === undefined) {
    const given = healthRetries !== undefined ? '--health-retries' : '--health-interval';
    return healthRetries === undefined && healthInterval === undefined
      ? success(undefined)
      : usageFailure('no-health-check', `${given} says how --health is tried: give that as well`);
  }
  return success({
    command: health,
    retries: healthRetries ?? defaults.healthRetries,
    intervalMs: healthInterval ?? defaults.healthIntervalMs,
  });
}
