/**
 * An ended job once more, under other limits: the same hosts, with the durations and outcomes that they had.
 *
 * 1. Only what is asked for is other than it was: the job's own limits, and those of the namespace, hold as they are.
 * 2. It is alone: nothing of other jobs takes room, and there are workers enough.
 * 3. A host of which no duration is known is taken to need the mean of the others, and to succeed.
 */
import type { JobAccepted } from '../entries.js';
import { applyBatch } from '../fold.js';
import { toHostSet } from '../host-set.js';
import type { Namespace } from '../namespace/namespace.js';
import type { ConcurrencyLimit, NamespaceDefinition } from '../namespace/definition.js';
import type { Outcome } from '../outcome.js';
import { outcomeStates, type HostState } from '../states.js';
import { Forecast, type ForecastEnd } from './forecast.js';
import { emptyForecastState } from './forecast-state.js';

/** What is known of one host of the job. */
export interface RecordedHost {
  state: HostState;
  outcome: Outcome | undefined;
}

export interface ReplayInput {
  accepted: Omit<JobAccepted, 'type' | 'job' | 'hosts' | 'specRef' | 'idempotencyKey' | 'recipients'>;
  /** Names of its hosts, in order. */
  hosts: readonly string[];
  recorded: readonly RecordedHost[];
  namespace: Namespace | undefined;
  /** Most hosts that are gone through. */
  maxHosts: number;
}

/** Another limit of an app in an environment type; undefined: none at all. */
export interface LimitChange {
  type: string;
  app: string;
  limit: ConcurrencyLimit | undefined;
}

const worker = { name: 'replay', capacity: Number.MAX_SAFE_INTEGER, keyIds: ['replay'] };
const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };

/** @returns undefined when no duration of any host is known */
export function replayOf(input: ReplayInput): { forecast: Forecast; assumedHosts: number } | undefined {
  const { accepted, hosts, recorded, namespace, maxHosts } = input;
  const known = recorded.flatMap(({ outcome }) => outcome?.durationMs ?? []);
  if (known.length === 0) return undefined;
  const meanMs = known.reduce((sum, durationMs) => sum + durationMs, 0) / known.length;
  const ends = recorded.map((host) => endOf(host, meanMs));
  const nowMs = 1;
  const replay = emptyForecastState(
    { accepted: { ...accepted, recipients: worker.keyIds }, hosts },
    namespace,
    nowMs,
  );
  const { state, job } = replay;
  const skipped = recorded.flatMap(({ state: end }, host) => (end === 'skipped' ? [host] : []));
  if (skipped.length > 0) {
    const entry = { type: 'hosts-skipped', job, hosts: toHostSet(skipped), by: 'replay' } as const;
    applyBatch(state, { index: state.nextIndex, atMs: nowMs, entries: [entry] });
  }
  return {
    forecast: new Forecast({
      ...replay,
      nowMs,
      // Who reached which host is no question of limits.
      workers: [{ ...worker, pools: Object.keys(namespace?.definition.pools ?? {}) }],
      endOf: (_job, host) => ends[host]!,
      maxHosts,
    }),
    assumedHosts: recorded.length - skipped.length - known.length,
  };
}

function endOf({ state, outcome }: RecordedHost, meanMs: number): ForecastEnd {
  const durationMs = Math.max(1, Math.round(outcome?.durationMs ?? meanMs));
  const isOutcome = outcomeStates.some((ended) => ended === state);
  return { durationMs, outcome: isOutcome && outcome?.durationMs !== undefined ? outcome : succeeded };
}

export type ChangedLimits =
  | { ok: true; definition: NamespaceDefinition }
  /** The namespace has no such thing. */
  | { ok: false; unknown: 'environment-type' | 'app'; name: string };

/** The definition with these limits instead of its own. */
export function changeLimits(
  definition: NamespaceDefinition,
  changes: readonly LimitChange[],
): ChangedLimits {
  const constraints = { ...definition.constraints };
  for (const { type, app, limit } of changes) {
    if (!Object.hasOwn(definition.envs, type)) return { ok: false, unknown: 'environment-type', name: type };
    if (!Object.hasOwn(definition.apps, app)) return { ok: false, unknown: 'app', name: app };
    const present = Object.hasOwn(constraints, type) ? constraints[type]! : { concurrency: {}, sequence: [] };
    const others = Object.entries(present.concurrency).filter(([name]) => name !== app);
    const concurrency = Object.fromEntries(limit === undefined ? others : [...others, [app, limit]]);
    constraints[type] = { ...present, concurrency };
  }
  return { ok: true, definition: { ...definition, constraints } };
}
