import { describe, expect, it } from 'vitest';
import { HostList, HostLists } from '../src/jobs/host-names.js';

function remembered(maxHosts: number, sizes: readonly number[]): number[] {
  const lists = new HostLists({ maxHosts });
  sizes.forEach((size, at) =>
    lists.remember(`list ${at}`, new HostList(Array.from({ length: size }, (_, host) => `h${host}`))),
  );
  return sizes.flatMap((_, at) => (lists.find(`list ${at}`) === undefined ? [] : [at]));
}

describe('lists of host names', () => {
  it('are the latest that together name no more hosts than may be kept', () => {
    expect(remembered(1000, [400, 400, 400])).toEqual([1, 2]);
    expect(remembered(1000, [5000])).toEqual([0]);
  });

  it('of one host each are kept by the memory that they take, and not by the thousand', () => {
    const kept = remembered(
      1000,
      Array.from({ length: 1000 }, () => 1),
    );
    expect(kept.length).toBeLessThan(100);
    expect(kept.at(-1)).toBe(999);
  });
});
