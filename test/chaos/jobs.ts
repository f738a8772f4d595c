/** The jobs of a round: which hosts, under which limits, and what their commands do. */
import type { SeededRandom } from '@pogo/testkit';
import { addressOf, type Site } from './site.js';

export interface ChaosJob {
  /** Its idempotency key: the same in the log. */
  readonly key: string;
  /** In no order. */
  readonly hosts: readonly number[];
  readonly concurrent: number | null;
  readonly isUnconstrained: boolean;
  /** Lines that the command writes, and the pause behind each, in milliseconds. */
  readonly lines: number;
  readonly pauseMs: number;
  /** A host of it whose command fails, with 3. */
  readonly failing: number | undefined;
}

/** Three jobs that meet on hosts: one of web servers, one over databases and then web servers, one with a cap of its own. */
export function drawJobs(random: SeededRandom, site: Site, round: number): ChaosJob[] {
  const { web = [], db = [], cache = [] } = site.plan.apps;
  const share = (hosts: readonly number[], percent: number) =>
    pickSome(random, hosts, Math.max(1, Math.round((hosts.length * percent) / 100)));
  const job = (name: string, hosts: readonly number[], more: Partial<ChaosJob> = {}): ChaosJob => ({
    key: `chaos-${round}-${name}`,
    hosts,
    concurrent: null,
    isUnconstrained: false,
    lines: random.between(3, 5),
    pauseMs: random.between(15, 40) * 10,
    failing: random.once(6) ? random.pick(hosts) : undefined,
    ...more,
  });
  const spread = [...share(web, 10), ...share(db, 10), ...share(cache, 40)];
  return [
    job('web', share(web, 40)),
    job('rollout', [...share(db, 20), ...share(web, 12)]),
    job('spread', spread, {
      concurrent: Math.max(2, Math.round(spread.length / 4)),
      isUnconstrained: random.once(4),
    }),
  ];
}

/** `pogo run` of it, without what logs in. */
export function commandLine(job: ChaosJob): string[] {
  return [
    ...['run', '-h', job.hosts.map(addressOf).join(','), '--idempotency-key', job.key, '-L', '--no-progress'],
    ...(job.concurrent === null ? [] : ['--concurrent', String(job.concurrent)]),
    ...(job.isUnconstrained ? ['--unconstrained'] : []),
  ];
}

/**
 * What runs on the hosts. It notes its beginning, and its end with the exit status, also when it is told to end. A line is written
 * in one piece, and nothing is started for it, so that the order of lines is the order of what happened.
 */
export function scriptOf({ lines, pauseMs, failing }: ChaosJob): string {
  const seconds = (pauseMs / 1000).toFixed(2);
  return [
    'note() {',
    '  read -r up idle </proc/uptime',
    '  echo "$1 $POGO_JOB_ID $POGO_ATTEMPT $POGO_HOST $up $$ ${SSH_CONNECTION%% *} $2" >>"$HOME/record"',
    '}',
    // Nothing stops it any more once it says how it ends.
    "leave() { trap '' TERM HUP INT; note end $1; exit $1; }",
    "trap 'leave 143' TERM HUP INT",
    // A line that nobody takes any more is no reason to end: the host ends it when its connection is gone.
    "trap '' PIPE",
    'note begin',
    `for n in ${Array.from({ length: lines }, (_, at) => at + 1).join(' ')}; do echo "line $n"; sleep ${seconds}; done`,
    ...(failing === undefined ? [] : [`[ "$POGO_HOST" != ${addressOf(failing)} ] || leave 3`]),
    'leave 0',
  ].join('\n');
}

function pickSome(random: SeededRandom, from: readonly number[], count: number): number[] {
  const left = [...from];
  const picked: number[] = [];
  while (picked.length < count && left.length > 0) picked.push(...left.splice(random.below(left.length), 1));
  return picked;
}
