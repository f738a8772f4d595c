export { simulate, type SimulationOptions, type SimulationResult } from './simulation.js';
export { type BugName, bugNames } from './planted-bugs.js';
export { replayCommand, runSeeds, type SeedsOptions, type SeedsResult } from './run-seeds.js';
export type { Violation } from './checker/checker.js';
export type { ScenarioSize } from './scenario.js';
export { recipientOf, sealingRoot } from './certificates.js';
