export { type Clock, type Timer, systemClock } from './clock.js';
export { ManualClock } from './manual-clock.js';
export { delay } from './delay.js';
export { type BackoffOptions, backoffDelayMs } from './backoff.js';
export { type Service, ServiceState } from './service.js';
