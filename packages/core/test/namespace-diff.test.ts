import { diffNamespaces } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { compiled, definitionOf, type DefinitionParts, percent } from './namespace-fixture.js';

const base: DefinitionParts = {
  apps: { frontend: ['foo[1-8].{east,west}'], backend: ['bar[1-2].east'] },
  envs: { coast: { east: ['*.east'], west: ['*.west'] } },
  constraints: { coast: { concurrency: { frontend: percent(25) }, sequence: [['backend', 'frontend']] } },
  pools: { east: '@coast:east' },
  aliases: { 'foo1.east': ['foo1'] },
};
const diff = (before: DefinitionParts | undefined, after: DefinitionParts) =>
  diffNamespaces(before && compiled(definitionOf(before)), compiled(definitionOf(after)));

describe('the difference between two versions of a namespace', () => {
  it('is none for what means the same, however it is written', () => {
    const other: DefinitionParts = {
      ...base,
      apps: { backend: ['bar2.east,bar1.east'], frontend: ['foo[1-8].west', 'foo[1-8].east'] },
      constraints: {
        coast: { concurrency: { frontend: percent(25) }, sequence: [['backend', 'frontend'], ['backend']] },
      },
    };
    expect(diff(base, other)).toEqual({
      same: true,
      hosts: { before: 18, after: 18, added: '', addedHosts: 0, removed: '', removedHosts: 0 },
      groups: [],
      limits: [],
      orders: [],
      pools: [],
      aliases: [],
      holdFailures: null,
    });
  });

  it('has hosts that come and go, folded, by each group and pool that they are in', () => {
    const other = { ...base, apps: { ...base.apps, frontend: ['foo[1-8].west', 'foo[2-12].east'] } };
    const changes = { added: 'foo[9-12].east', addedHosts: 4, removed: 'foo1.east', removedHosts: 1 };
    const found = diff({ ...base, aliases: {} }, { ...other, aliases: {} });
    expect(found.same).toBe(false);
    expect(found.hosts).toEqual({ before: 18, after: 21, ...changes });
    expect(found.groups).toEqual([
      { name: '@frontend', change: 'changed', before: 16, after: 19, ...changes },
      { name: '@coast:east', change: 'changed', before: 10, after: 13, ...changes },
    ]);
    expect(found.pools).toEqual([{ name: 'east', change: 'changed', before: 10, after: 13, ...changes }]);
  });

  it('has limits in hosts, also where only the number of members moves them', () => {
    const other = { ...base, apps: { ...base.apps, frontend: ['foo[1-12].east', 'foo[1-8].west'] } };
    expect(diff(base, other).limits).toEqual([
      {
        slot: 'frontend@coast=east',
        before: { limit: 2, written: '25%', members: 8 },
        after: { limit: 3, written: '25%', members: 12 },
      },
    ]);
    const without = { ...base, constraints: { coast: { concurrency: { backend: 1 } } } };
    expect(diff(base, without)).toMatchObject({
      limits: [
        { slot: 'frontend@coast=east', before: { limit: 2 }, after: null },
        { slot: 'frontend@coast=west', before: { limit: 2 }, after: null },
        { slot: 'backend@coast=east', before: null, after: { limit: 1, written: '1', members: 2 } },
      ],
      orders: [{ type: 'coast', earlier: 'backend', later: 'frontend', change: 'removed' }],
    });
  });

  it('has groups and pools that are new or no more, hosts that move between pools, and other names', () => {
    const other: DefinitionParts = {
      ...base,
      apps: { ...base.apps, tail: ['zar[1-3].west'] },
      envs: { coast: { east: ['*.east'] } },
      pools: { east: 'foo[1-8].east', spare: 'bar[1-2].east' },
      aliases: { 'foo1.east': ['f1'] },
    };
    const found = diff(base, other);
    expect(found.groups.map(({ name, change }) => [name, change])).toEqual([
      ['@coast:west', 'removed'],
      ['@tail', 'added'],
    ]);
    expect(found.pools.map(({ name, change, added, removed }) => [name, change, added, removed])).toEqual([
      ['east', 'changed', '', 'bar[1-2].east'],
      ['spare', 'added', 'bar[1-2].east', ''],
    ]);
    expect(found.aliases).toEqual([{ host: 'foo1.east', added: ['f1'], removed: ['foo1'] }]);
  });

  it('from nothing is everything', () => {
    const found = diff(undefined, { apps: {} });
    expect(found).toMatchObject({ same: false, hosts: { before: 0, after: 0 }, groups: [] });
    expect(diff(undefined, base).groups.every(({ change }) => change === 'added')).toBe(true);
  });
});
