/** Every option of a run is a key of a recipe, whoever declares it. */
import { describe, expect, it } from 'vitest';
import type { AnyOption } from '../src/command-line/option.js';
import { recordKeys, replacedBy } from '../src/recipes/record-keys.js';
import { runOptions } from '../src/run/run-options.js';

const options = Object.entries<AnyOption>(runOptions);
const notInRecipes = [
  'recipe',
  'cookbook',
  'config',
  'idempotencyKey',
  'passwordDescriptor',
  'sudoPasswordDescriptor',
];

function longNames({ spellings }: AnyOption): string[] {
  return spellings.filter((spelling) => spelling.startsWith('--')).map((spelling) => spelling.slice(2));
}

describe('a key of a recipe', () => {
  it('is every long option of a run, but for those that only a command line can have', () => {
    expect(options.length).toBeGreaterThan(40);
    for (const [slot, option] of options) {
      for (const name of longNames(option)) {
        const keys = [recordKeys.get(name), recordKeys.get(name.replaceAll('-', '_'))];
        if (notInRecipes.includes(slot)) expect(keys, name).toEqual([undefined, undefined]);
        else for (const key of keys) expect([key?.slot, key?.whenTrue, key?.whenFalse], name).toContain(slot);
      }
    }
  });

  it('takes a parameter as a quoted word into whatever a host runs, and as hosts into what names hosts', () => {
    const kinds = new Map(
      options.map(([slot, { spellings }]) => [slot, recordKeys.get(spellings.at(-1)!.slice(2))?.text]),
    );
    for (const [slot, option] of options) {
      if (option.kind === 'flag' || notInRecipes.includes(slot)) continue;
      const kind = recordKeys.get(longNames(option)[0]!)!.text;
      expect(kind === 'shell', slot).toBe(
        /shell|command/.test(option.description) && option.argument === 'CMD',
      );
      expect(kind === 'targets', slot).toBe(option.argument === 'EXPR');
    }
    for (const slot of ['pre', 'post', 'health']) expect(kinds.get(slot)).toBe('shell');
  });

  it('says no in either spelling', () => {
    expect(recordKeys.get('progress')).toMatchObject({ slot: 'noProgress', whenFalse: 'noProgress' });
    expect(recordKeys.get('no-progress')).toMatchObject({ slot: 'noProgress', whenTrue: 'noProgress' });
    expect(recordKeys.get('hooks')).toMatchObject({ slot: 'hooks', whenTrue: 'hooks', whenFalse: 'noHooks' });
    expect(recordKeys.get('no_hooks')).toMatchObject({
      slot: 'hooks',
      whenTrue: 'noHooks',
      whenFalse: 'hooks',
    });
  });

  it('gives way to its opposite, and to what it is a part of', () => {
    expect([...replacedBy('noRunAs')]).toContain('runAs');
    expect([...replacedBy('hosts')]).toContain('hostFiles');
    expect([...replacedBy('script')]).toEqual(expect.arrayContaining(['command', 'args']));
    expect([...replacedBy('json')]).toContain('gather');
    expect([...replacedBy('noHooks')]).toEqual(expect.arrayContaining(['hooks', 'prehooks', 'posthooks']));
    expect([...replacedBy('prehooks')]).not.toContain('hooks');
  });
});
