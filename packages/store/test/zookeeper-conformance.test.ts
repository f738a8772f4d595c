import { describeStoreConformance } from '@pogo/store';
import { type ZooKeeperEnsemble, startZooKeeper } from '@pogo/testkit';
import fastCheck from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { zookeeperFixture } from './zookeeper-fixture.js';

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeper();
}, 150_000);
afterAll(() => ensemble.stop());

describeStoreConformance(
  'zookeeper',
  zookeeperFixture(() => ensemble.addresses),
  {
    framework: { describe, it },
    fastCheck,
  },
);
