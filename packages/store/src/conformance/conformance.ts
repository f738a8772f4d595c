/**
 * What every driver must do, whatever it is built on: the contracts of log.ts, documents.ts and leadership.ts as tests.
 * The test framework is handed in, so that this package depends on none.
 */
import type fastCheck from 'fast-check';
import type { Store } from '../store.js';
import { describeDocuments } from './document-rules.js';
import { describeFollowing } from './following-rules.js';
import { describeHandles } from './handle-rules.js';
import { describeLargeDocuments } from './large-document-rules.js';
import { describeLeadership } from './leadership-rules.js';
import { describeLogModel } from './log-model.js';
import { describeLog } from './log-rules.js';

/** The part of vitest (or of another framework) that the suite uses. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

/** A new, empty store under test. */
export interface ConformanceFixture {
  /** A further handle on the same data, as another dispatcher would have. */
  openHandle(): Promise<Store>;
  /** Called once, at the end, with handles open or not. */
  dispose(): Promise<void>;
}

export interface ConformanceOptions {
  framework: TestFramework;
  fastCheck: typeof fastCheck;
}

/** Runs a test on a new store, with as many handles as the test opens. */
export type OnNewStore = (body: (openHandle: () => Promise<Store>) => Promise<void>) => () => Promise<void>;

/** Describes the suite for the driver called `name`; `open` makes a new, empty store for each test. */
export function describeStoreConformance(
  name: string,
  open: () => Promise<ConformanceFixture>,
  { framework, fastCheck: property }: ConformanceOptions,
): void {
  const onNewStore: OnNewStore = (body) => async () => {
    const fixture = await open();
    try {
      await body(() => fixture.openHandle());
    } finally {
      await fixture.dispose();
    }
  };
  framework.describe(`the ${name} driver keeps the store contracts`, () => {
    describeLog(framework, onNewStore);
    describeLogModel(framework, onNewStore, property);
    describeFollowing(framework, onNewStore);
    describeDocuments(framework, onNewStore);
    describeLargeDocuments(framework, onNewStore, property);
    describeLeadership(framework, onNewStore);
    describeHandles(framework, onNewStore);
  });
}
