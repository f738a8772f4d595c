import { foreignHosts, type NamespaceDefinition } from '@pogo/core';
import { expect, it } from 'vitest';

const definition: NamespaceDefinition = {
  apps: { web: ['a[1-4]', 'b1,B[7-9]!b8'], db: ['@web'] },
  envs: { site: { all: ['@*', 'c1'] } },
  aliases: { a1: ['10.0.0.1', 'fd00::1'] },
  constraints: {},
  holdFailures: 'until-well',
};
const east = 'namespace east (version 2)';

it('every place that writes a host of another namespace is told, under whatever spelling; groups are not places', () => {
  const owners = new Map(['a2', 'A3', 'b9', 'c1', 'fd00:0::1'].map((host) => [host, east]));
  const found = foreignHosts(definition, owners);
  expect(found.map(({ path, offset }) => [path.join('/'), offset])).toEqual([
    ['apps/web/0', 0],
    ['apps/web/1', 3],
    ['envs/site/all/1', 0],
    ['aliases/a1/1', undefined],
  ]);
  expect(found.every(({ code }) => code === 'host-of-another-namespace')).toBe(true);
  expect(found[0]!.message).toBe(
    '"a2" (and 1 more written here) is a host of namespace east (version 2): a host belongs to one namespace, so take it out there first',
  );
});

it('hosts that nobody else has are no problem', () => {
  expect(foreignHosts(definition, new Map([['z1', east]]))).toEqual([]);
});
