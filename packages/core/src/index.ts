export * from './host-set.js';
export * from './states.js';
export * from './outcome.js';
export * from './kept-outcome.js';
export * from './entries.js';
export * from './job-id.js';
export * from './deadlock-cause.js';
export * from './cluster-state.js';
export * from './fold.js';
export * from './plan.js';
export * from './decide/accept.js';
export * from './decide/reports.js';
export * from './decide/halt.js';
export * from './decide/hold.js';
export * from './decide/drain.js';
export * from './decide/freeze.js';
export * from './decide/retry.js';
export * from './decide/resolve.js';
export * from './decide/worker-loss.js';
export * from './snapshot.js';
export { nextStepMs, type RampProgress, type RampWait, rampWait, stepLimit } from './ramp.js';
export * from './ramp-steps.js';
export * from './targets/index.js';
export * from './namespace/index.js';
export * from './report/index.js';
export {
  isFull,
  keptNamespaceVersions,
  type Freeze,
  modeOf,
  type AppliedVersion,
  type ConstraintState,
  type MemberMode,
  type MemberUse,
} from './constraints/constraint-state.js';
export { modeOfHost } from './constraints/change-host.js';
export { explainJob, holdersOf, type Obstacle, type WaitingHosts } from './constraints/explain.js';
export { countWaiting, type WaitCause, waitCauses } from './constraints/count-waiting.js';
export { MemberNames, slotHolders } from './constraints/slot-holders.js';
export { mayCount } from './constraints/apply-namespace.js';
export * from './forecast/index.js';
