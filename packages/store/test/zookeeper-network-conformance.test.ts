import assert from 'node:assert/strict';
import { describeStoreConformance } from '@pogo/store';
import { type FlakyProxy, type ZooKeeperEnsemble, startFlakyProxy, startZooKeeper } from '@pogo/testkit';
import fastCheck from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { persistent } from './persistent-store.js';
import { zookeeperFixture } from './zookeeper-fixture.js';

let ensemble: ZooKeeperEnsemble;
let network: FlakyProxy;
beforeAll(async () => {
  ensemble = await startZooKeeper();
  network = await startFlakyProxy({
    targetPort: ensemble.servers[0]!.clientPort,
    seed: 1,
    odds: [
      { weight: 6, kind: 'well' },
      { weight: 2, kind: 'late', delayMs: [1, 3] },
      // In the greeting, in a small request, in a large one.
      { weight: 2, kind: 'cut', afterBytes: [0, 60] },
      { weight: 4, kind: 'cut', afterBytes: [100, 10_000] },
      { weight: 2, kind: 'cut', afterBytes: [10_000, 2_000_000] },
      { weight: 1, kind: 'half-open', afterBytes: [0, 10_000] },
    ],
  });
}, 150_000);
afterAll(async () => {
  await network.stop();
  await ensemble.stop();
});

const fixture = zookeeperFixture(() => `127.0.0.1:${network.port}`, {
  settings: '?sessionTimeoutMs=2000&callTimeoutMs=30000',
  wrap: persistent,
});

describeStoreConformance('zookeeper, behind a network that delays, cuts and goes silent,', fixture, {
  framework: { describe, it },
  fastCheck,
});

describe('the network of that suite', () => {
  it('had faults', () => {
    const [faults, connections] = [network.faults(), network.connections()];
    assert.ok(faults >= 20, `${faults} faults on ${connections} connections`);
  });
});
