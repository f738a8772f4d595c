export * from './host-set.js';
export * from './states.js';
export * from './outcome.js';
export * from './entries.js';
export * from './job-id.js';
