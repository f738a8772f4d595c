/**
 * Whether a job could ever have gone on if everything went as well as it can, and nobody helped: the least set of hosts
 * that can still move, found by looking again and again until nothing is added (S7).
 *
 * 1. What is under way may end well; what has gone wrong, or of which nobody knows, stays so until another attempt on the
 *    same host can move.
 */
import type { JobModel } from './log-model.js';
import type { NamespaceModel } from './namespace-model.js';

/** A host of a job, as far as hope goes. */
export interface Standing {
  job: JobModel;
  /** Number of the host in the fleet. */
  host: number;
  /** It waits for a permit, and its job would take one. */
  isWaiting: boolean;
  /** An attempt is under way, or it is being asked. */
  isMoving: boolean;
  /** An attempt of it counts of which nobody knows how it ended. */
  isUnknown: boolean;
  /** It counts because it isn't well. */
  isHeld: boolean;
  /** It keeps nobody of its job waiting. */
  isDone: boolean;
}

export function canEverGoOn(
  job: JobModel,
  standings: readonly Standing[],
  namespace: NamespaceModel | undefined,
): boolean {
  const hopeful = new Set(standings.filter(({ isMoving }) => isMoving));
  const on = (host: number) => standings.filter((standing) => standing.host === host);
  const isStuckUnknown = (standing: Standing) => standing.isUnknown && !hopeful.has(standing);
  /** It counts, and nothing that can move would free it. */
  const countsForGood = (host: number) =>
    on(host).some(isStuckUnknown) ||
    (on(host).some(({ isHeld }) => isHeld) && !on(host).some((standing) => hopeful.has(standing)));
  const hasRoom = (standing: Standing) => {
    const { concurrent } = standing.job;
    const own = standings.filter((other) => other.job === standing.job && isStuckUnknown(other));
    if (concurrent !== null && own.length >= concurrent) return false;
    if (namespace?.knows(standing.host) !== true) return true;
    if (on(standing.host).some((other) => other.job !== standing.job && isStuckUnknown(other))) return false;
    if (standing.job.isUnconstrained) return true;
    const isCounted = on(standing.host).some(({ isHeld }) => isHeld);
    const slots = isCounted ? [] : namespace.slotsOf(standing.host);
    return slots.every(({ members, limit }) => [...members].filter(countsForGood).length < limit);
  };
  const mayFollow = (standing: Standing) => {
    if (namespace === undefined || standing.job.isUnconstrained) return true;
    const before = namespace.predecessorsOf(standing.host);
    return standings
      .filter((other) => other.job === standing.job && before.has(other.host))
      .every((other) => other.isDone || hopeful.has(other));
  };
  for (let before = -1; before !== hopeful.size;) {
    before = hopeful.size;
    for (const standing of standings) {
      if (standing.isWaiting && !hopeful.has(standing) && hasRoom(standing) && mayFollow(standing))
        hopeful.add(standing);
    }
  }
  return standings.some((standing) => standing.job === job && standing.isWaiting && hopeful.has(standing));
}
