export { Dispatcher, type DispatcherLimits, type DispatcherOptions } from './dispatcher.js';
export { runDispatcher, type RunningDispatcher, type RunOptions, type RunOutcome } from './run-dispatcher.js';
export {
  type InstanceFingerprints,
  type InstanceOptions,
  type InstanceOutcome,
  makeInstance,
} from './instance/instance.js';
