export { Dispatcher, type DispatcherOptions, type Listener } from './dispatcher.js';
export type { DispatcherLimits } from './dispatcher-limits.js';
export { type LinkDispatchers } from './peers/dispatcher-peers.js';
export { noPeers, type PeerLinks } from './peers/dispatcher-links.js';
export type { Route } from './api/route.js';
export { AttachmentStore } from './attachments/attachment-store.js';
export { runDispatcher, type RunningDispatcher, type RunOptions, type RunOutcome } from './run-dispatcher.js';
export {
  type InstanceFingerprints,
  type InstanceOptions,
  type InstanceOutcome,
  makeInstance,
} from './instance/instance.js';
