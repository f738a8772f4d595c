import { it } from 'vitest';
import { expectNoViolation, seedsPerFile } from './ordinary-seeds.js';

it(
  `the production code keeps its invariants over the ${seedsPerFile} seeds after the first ${seedsPerFile}`,
  { timeout: 300_000 },
  () => expectNoViolation(seedsPerFile + 1),
);
