import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedBacking, describeStoreConformance } from '@pogo/store';
import fastCheck from 'fast-check';
import { describe, it } from 'vitest';

describeStoreConformance(
  'embedded',
  async () => {
    const parent = await mkdtemp(join(tmpdir(), 'pogo-store-'));
    const backing = await EmbeddedBacking.open({ directory: join(parent, 'store') });
    return {
      openHandle: async () => backing.openHandle(),
      dispose: async () => {
        await backing.close();
        await rm(parent, { recursive: true });
      },
    };
  },
  { framework: { describe, it }, fastCheck },
);
