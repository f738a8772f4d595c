/**
 * What counted before an index of the log, in few bytes: where a recount begins whose log begins there. Taken from what a
 * snapshot says of hosts, attempt by attempt; its sums over slots are no part of it.
 */
import type { StateSnapshot } from '../snapshot.js';
import { hostStates } from '../states.js';
import { type CountedHost, doesCount } from './counted-host.js';

/** A host that counts. */
export type CountedRow = [
  host: number,
  attempt: number,
  state: number,
  /** Bits: 1 an attempt is live, 2 it is held. */
  bits: number,
  earlier?: readonly number[],
];

export interface CountedJobBefore {
  job: number;
  specRef: string;
  hosts: number;
  unconstrained: boolean;
  halted: boolean;
  rows: CountedRow[];
}

export interface CountsBefore {
  version: 1;
  /** The first index of the log that isn't in it. */
  index: number;
  namespace: { version: number; ref: string } | null;
  jobs: CountedJobBefore[];
}

export const nothingBefore: CountsBefore = { version: 1, index: 0, namespace: null, jobs: [] };

/** Jobs none of whose hosts counts are left with their names only: some of them may yet. */
export function countsBefore(snapshot: StateSnapshot): CountsBefore {
  return {
    version: 1,
    index: snapshot.nextIndex,
    namespace: snapshot.namespace ?? null,
    jobs: snapshot.jobs.map(({ accepted, halt, hosts, held }) => {
      const heldHosts = new Set(held);
      const rows: CountedRow[] = [];
      hosts.forEach(([stateNumber, attempt, , , , , rare], index) => {
        const host: CountedHost = {
          attempt,
          state: hostStates[stateNumber]!,
          isLive: false,
          earlier: rare?.earlier?.map((one) => one.attempt) ?? [],
          isHeld: heldHosts.has(index),
        };
        host.isLive = liveStates.has(host.state) || (host.state === 'unknown' && rare?.released !== true);
        if (!doesCount(host)) return;
        const bits = Number(host.isLive) + 2 * Number(host.isHeld);
        const row: CountedRow = [index, attempt, stateNumber, bits];
        if (host.earlier.length > 0) row.push(host.earlier);
        rows.push(row);
      });
      return {
        job: accepted.job,
        specRef: accepted.specRef,
        hosts: accepted.hosts,
        unconstrained: accepted.unconstrained === true,
        halted: halt !== null,
        rows,
      };
    }),
  };
}

const liveStates: ReadonlySet<string> = new Set(['permitted', 'assigned', 'connecting', 'running']);
