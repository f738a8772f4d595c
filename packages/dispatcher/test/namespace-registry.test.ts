import { maxNamespaces } from '@pogo/core';
import { type Documents, MemoryBacking } from '@pogo/store';
import { expect, it } from 'vitest';
import { NamespaceRegistry } from '../src/namespaces/namespace-registry.js';
import { documentsOf } from '../src/namespaces/scoped-documents.js';

const documents = (): Documents => new MemoryBacking().openHandle().documents;

it('a name has one number, whoever asks and however often, and no two names share one', async () => {
  const store = documents();
  const [one, other] = [new NamespaceRegistry(store), new NamespaceRegistry(store)];
  const names = ['east', 'west', 'east', 'north', 'west', 'south', 'east'];
  const allotted = await Promise.all(
    names.flatMap((name) =>
      [one.allot(name), other.allot(name)].map(async (asked) => ({ name, got: await asked })),
    ),
  );
  const numbers = new Map<string, Set<number>>();
  for (const { name, got } of allotted) {
    if (got.kind === 'full') throw new Error('full');
    expect(got.identity.name).toBe(name);
    numbers.set(name, (numbers.get(name) ?? new Set()).add(got.identity.number));
  }
  expect([...numbers.values()].map((set) => set.size)).toEqual([1, 1, 1, 1]);
  expect([...numbers.values()].flatMap((set) => [...set]).sort()).toEqual([1, 2, 3, 4]);
  expect(allotted.filter(({ got }) => got.kind === 'allotted')).toHaveLength(4);
  expect(await new NamespaceRegistry(store).allot('default')).toMatchObject({ identity: { number: 0 } });
  expect((await new NamespaceRegistry(store).list()).map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
});

it('there are as many namespaces as job numbers have room for', async () => {
  const registry = new NamespaceRegistry(documents());
  for (let count = 1; count < maxNamespaces; count++)
    expect(await registry.allot(`n${count}`)).toMatchObject({
      kind: 'allotted',
      identity: { number: count },
    });
  expect(await registry.allot('one-more')).toEqual({ kind: 'full' });
  expect(await registry.allot('n7')).toMatchObject({ kind: 'known', identity: { number: 7 } });
});

it('a list that a later release wrote is not taken for none at all', async () => {
  const store = documents();
  await store.put('namespace-registry', Buffer.from(JSON.stringify({ format: 2 })), null);
  await expect(new NamespaceRegistry(store).list()).rejects.toMatchObject({ code: 'store-format-newer' });
});

it("what is stored for a namespace is its own: neither another's nor default's, where stores from before have theirs", async () => {
  const store = documents();
  const [none, east, west] = [
    documentsOf({ name: 'default', number: 0 }, store),
    documentsOf({ name: 'east', number: 1 }, store),
    documentsOf({ name: 'west', number: 2 }, store),
  ];
  for (const [scope, text] of [
    [none, 'd'],
    [east, 'e'],
    [west, 'w'],
  ] as const) {
    await scope.put('specs/1', Buffer.from(text), null);
    expect((await scope.list('specs/')).map(({ key }) => key)).toEqual(['specs/1']);
    expect(Buffer.from((await scope.get('specs/1'))!.value).toString()).toBe(text);
  }
  expect(await store.get('specs/1')).toBeDefined();
  // Versions of default's file are below this, and nothing else: the rest is deleted there.
  expect(await store.list('namespaces/')).toEqual([]);
  await west.delete('specs/1', 'any');
  expect(await east.get('specs/1')).toBeDefined();
  expect(await west.list('')).toEqual([]);
});
