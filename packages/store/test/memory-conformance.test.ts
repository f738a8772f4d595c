import { MemoryBacking, describeStoreConformance } from '@pogo/store';
import fastCheck from 'fast-check';
import { describe, it } from 'vitest';

describeStoreConformance(
  'memory',
  async () => {
    const backing = new MemoryBacking();
    return { openHandle: async () => backing.openHandle(), dispose: async () => undefined };
  },
  { framework: { describe, it }, fastCheck },
);
