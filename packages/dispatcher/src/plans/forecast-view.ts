/** A forecast as the API shows it. Pure. */
import {
  type Binding,
  type ClusterState,
  type ForecastResult,
  hostCount,
  toHostSet,
  unionOf,
  type Wave,
  type WaveStart,
} from '@pogo/core';
import type { BindingDocument, ForecastDocument, WaveDocument } from '@pogo/protocol';
import type { HostNames } from '../events/job-tracker.js';
import { obstacleDocument } from '../namespaces/namespace-view.js';

/** Waves that are listed one by one. */
const listedWaves = 10_000;

export interface ForecastView {
  result: ForecastResult;
  /** The state that the forecast ended in. */
  state: ClusterState;
  /** The job's own cap. */
  concurrent: number | null;
  names: HostNames;
  /** Whether times mean anything. */
  timed: boolean;
}

export function forecastDocument(view: ForecastView): ForecastDocument {
  const { result, state, names } = view;
  const { ending, started, waves, never } = result;
  return {
    ending: ending.kind === 'ended' ? ending.state : ending.kind,
    startedHosts: started,
    waves: waves.slice(0, listedWaves).map((wave) => waveDocument(view, wave)),
    waveCount: waves.length,
    waiting: waitingDocument(view),
    never: never.map(({ hosts, pool, obstacles }) => ({
      hosts: names.fold(toHostSet(hosts)),
      count: hosts.length,
      obstacles:
        obstacles.length === 0
          ? [pool === undefined ? { kind: 'worker' } : { kind: 'pool', pool, connected: 0 }]
          : obstacles.map((obstacle) => obstacleDocument(state, obstacle)),
    })),
    peaks: peaksOf(state, result),
  };
}

/** Peaks of slots by name, in the namespace's order. */
export function peaksOf(
  { constraints }: ClusterState,
  { peaks }: ForecastResult,
): { slot: string; peak: number; limit: number }[] {
  return [...peaks]
    .sort(([one], [other]) => one - other)
    .map(([slot, peak]) => {
      const { name, limit } = constraints.namespace!.slots[slot]!;
      return { slot: name, peak, limit };
    });
}

function waveDocument(view: ForecastView, { atMs, count, starts, full }: Wave): WaveDocument {
  const { names, state, timed } = view;
  return {
    ...(timed && { atMs }),
    count,
    starts: starts.map((start) => ({
      hosts: names.fold(start.hosts),
      count: start.count,
      waitedFor: start.bindings.map((binding) => bindingDocument(view, binding)),
    })),
    full: full.map(({ slot, use }) => {
      const { name, limit } = state.constraints.namespace!.slots[slot]!;
      return { slot: name, use, limit };
    }),
  };
}

/** Hosts of all waves that the same things held back, together. */
function waitingDocument(view: ForecastView): ForecastDocument['waiting'] {
  const groups = new Map<string, { starts: WaveStart[]; bindings: readonly Binding[] }>();
  for (const { starts } of view.result.waves) {
    for (const start of starts) {
      if (start.bindings.length === 0) continue;
      const key = start.bindings.map(identityOf).join();
      const alike = groups.get(key);
      if (alike === undefined) groups.set(key, { starts: [start], bindings: start.bindings });
      else alike.starts.push(start);
    }
  }
  return [...groups.values()].map(({ starts, bindings }) => {
    const hosts = unionOf(starts.map((start) => start.hosts));
    return {
      hosts: view.names.fold(hosts),
      count: hostCount(hosts),
      waitedFor: bindings.map((binding) => bindingDocument(view, binding)),
    };
  });
}

function identityOf(binding: Binding): string {
  switch (binding.kind) {
    case 'slot':
      return `slot ${binding.slot}`;
    case 'stage':
      return `stage ${binding.stage}`;
    case 'ramp':
      return `ramp ${binding.step}`;
    default:
      return binding.kind;
  }
}

function bindingDocument({ state, concurrent }: ForecastView, binding: Binding): BindingDocument {
  const { namespace } = state.constraints;
  switch (binding.kind) {
    case 'slot': {
      const { name, limit } = namespace!.slots[binding.slot]!;
      return { kind: 'slot', slot: name, use: binding.use, limit };
    }
    case 'stage':
      return { kind: 'stage', stage: namespace!.stages[binding.stage]!.name, pending: binding.pending };
    case 'own-cap':
      return { kind: 'own-cap', concurrent: concurrent ?? binding.disturbed };
    default:
      return binding;
  }
}
