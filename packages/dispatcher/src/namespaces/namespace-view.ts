/** Namespaces, slots and obstacles as the API shows them. Pure. */
import {
  type ClusterState,
  explainJob,
  formatJobId,
  holdersOf,
  type JobRecord,
  MemberNames,
  type Namespace,
  type Obstacle,
  slotHolders,
  toHostSet,
} from '@pogo/core';
import type {
  Explanation,
  HostInformation,
  NamespaceDocument,
  ObstacleDocument,
  SlotDocument,
} from '@pogo/protocol';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { HostNames } from '../events/job-tracker.js';
import { deadlockDocument } from '../jobs/deadlock-document.js';

export function namespaceDocument({ constraints }: ClusterState, name: string): NamespaceDocument {
  const { version, namespace, frozen } = constraints;
  const frozenAll = frozen.all && { frozen: { ...frozen.all } };
  if (namespace === undefined)
    return { name, version, hosts: 0, slots: [], stages: [], warnings: [], ...frozenAll };
  const known = new Set(namespace.slots.map((slot) => slot.name));
  const elsewhere = [...frozen.slots].filter(([slot]) => !known.has(slot));
  const { stages } = namespace;
  return {
    name,
    version,
    hosts: namespace.hosts.length,
    slots: namespace.slots.map((_, slot) => slotDocument(constraints, namespace, slot)),
    stages: stages.map((stage) => ({
      name: stage.name,
      after: stage.after.map((earlier) => stages[earlier]!.name),
    })),
    warnings: namespace.warnings.map(({ message }) => message),
    ...frozenAll,
    ...(elsewhere.length > 0 && { frozenElsewhere: elsewhere.map(([slot, by]) => ({ slot, ...by })) }),
  };
}

function slotDocument(
  { use, frozen }: ClusterState['constraints'],
  { slots }: Namespace,
  index: number,
): SlotDocument {
  const { name, app, type, value, members, limit, written } = slots[index]!;
  const by = frozen.slots.get(name);
  return {
    name,
    app,
    type,
    value,
    members,
    limit,
    written,
    use: use[index]!,
    ...(by && { frozen: { ...by } }),
  };
}

/**
 * What keeps the job's waiting hosts waiting.
 *
 * @param workers those that are connected
 */
export function explanation(
  state: ClusterState,
  job: JobRecord,
  names: HostNames,
  workers: Pick<WorkerRegistry, 'inPool' | 'declining' | 'connectedNames'>,
): Explanation {
  const poolObstacle = (pool: string | undefined): ObstacleDocument[] => {
    const { connected, able } = workers.inPool(pool, job.recipients);
    return able > 0 ? [] : [{ kind: 'pool', ...(pool !== undefined && { pool }), connected }];
  };
  const declining = workers.declining(job.job);
  return {
    job: formatJobId(job.job),
    state: job.state,
    ...(job.state === 'deadlocked' && job.deadlock && { deadlock: deadlockDocument(job.deadlock) }),
    waiting: explainJob(state, job).map(({ hosts, pool, obstacles }) => {
      const draining = workers.connectedNames(pool).filter((name) => state.drained.has(name));
      const shown = [
        ...obstacles.map((obstacle) => obstacleDocument(state, obstacle)),
        ...poolObstacle(pool),
      ];
      return {
        hosts: names.fold(toHostSet(hosts)),
        count: hosts.length,
        obstacles:
          shown.length === 0
            ? [
                {
                  kind: 'worker',
                  ...(declining.length > 0 && { declining }),
                  ...(draining.length > 0 && { draining }),
                },
              ]
            : shown,
      };
    }),
  };
}

export function obstacleDocument(state: ClusterState, obstacle: Obstacle): ObstacleDocument {
  switch (obstacle.kind) {
    case 'slot': {
      const { slot, use } = obstacle;
      const index = state.constraints.namespace!.slots.indexOf(slot);
      return {
        kind: 'slot',
        slot: slot.name,
        use,
        limit: slot.limit,
        holders: slotHolders(state, index, new MemberNames(state)).map((holder) => ({
          ...holder,
          job: formatJobId(holder.job),
        })),
      };
    }
    case 'stage': {
      const { stage, pending, failed } = obstacle;
      return { kind: 'stage', stage: stage.name, pending, failed };
    }
    case 'busy':
      return { kind: 'busy', jobs: obstacle.jobs.map(formatJobId) };
    case 'frozen': {
      const { slot, freeze } = obstacle;
      return { kind: 'frozen', ...freeze, ...(slot !== undefined && { slot }) };
    }
    case 'ramp': {
      const { kind, step, steps, limit, waitsFor, failed, nextMs } = obstacle;
      return {
        kind,
        step,
        steps,
        limit,
        waitsFor,
        failed,
        ...(nextMs !== undefined && { nextAtMs: nextMs }),
      };
    }
    case 'job-state': {
      const { kind, state: at, by } = obstacle;
      return { kind, state: at, ...(by !== undefined && { by }) };
    }
    default:
      return obstacle;
  }
}

/** What is known about one host. */
export function knownHost(state: ClusterState, host: string): HostInformation['hosts'][number] {
  const { constraints } = state;
  const { namespace } = constraints;
  const member = namespace?.memberOf(host);
  if (namespace === undefined || member === undefined)
    return { host, known: false, apps: [], environments: [], slots: [], holders: [] };
  return {
    host: namespace.hosts[member]!,
    known: true,
    apps: [...namespace.appsOf(member)],
    environments: namespace.environmentsOf(member).map(({ type, value }) => ({ type, value })),
    slots: namespace.slotsOf(member).map((slot) => slotDocument(constraints, namespace, slot)),
    holders: holdersOf(state, member).map(({ job, host: index, live }) => ({
      job: formatJobId(job),
      state: state.jobs.get(job)!.hosts[index]!.state,
      live,
    })),
  };
}
