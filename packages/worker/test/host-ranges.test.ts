import { toHostSet } from '@pogo/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HostRanges } from '../src/host-ranges.js';

test('ranges hold exactly what was added, folded, in whatever order it came', () => {
  const hosts = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 });
  fc.assert(
    fc.property(hosts, hosts, (first, then) => {
      const ranges = HostRanges.of(toHostSet(first));
      for (const host of then) ranges.add(host);
      const all = new Set([...first, ...then]);
      expect(ranges.toHostSet()).toEqual(toHostSet(all));
      for (let host = 0; host <= 61; host++) expect(ranges.has(host)).toBe(all.has(host));
    }),
  );
});
