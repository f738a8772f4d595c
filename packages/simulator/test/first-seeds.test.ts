import { it } from 'vitest';
import { expectNoViolation, seedsPerFile } from './ordinary-seeds.js';

it(
  `the production code keeps its invariants over the first ${seedsPerFile} seeds`,
  { timeout: 300_000 },
  () => expectNoViolation(1),
);
