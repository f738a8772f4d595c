/**
 * The keys of a record besides its own: every option of `pogo run`, by its long spellings without the dashes, with `_` for
 * `-` where one likes. Made from the declarations, so an option that is declared anywhere is a key here.
 *
 * What an option's text is, and so how a parameter is put into it, is told by the name of its argument: EXPR is a target
 * expression, CMD a shell string; an option that completes to files or directories has paths.
 */
import type { AnyOption } from '../command-line/option.js';
import { outputModes } from '../run/attach-options.js';
import { runOptions } from '../run/run-options.js';

export type TextKind = 'plain' | 'targets' | 'shell' | 'path';

/** What a key of a record sets. */
export interface RecordKey {
  /** As it is shown: `run-as`. */
  readonly name: string;
  /** What it sets, and what a stronger layer replaces: the key of an option, `command` or `args`. */
  readonly slot: string;
  readonly option: AnyOption;
  readonly text: TextKind;
  /** Of a flag: the option's key that true stands for, and the one for false; none where that says nothing. */
  readonly whenTrue?: string;
  readonly whenFalse?: string;
}

/**
 * Options that say where recipes are, what settings are weaker than a recipe, and which run of one this is: a recipe can't.
 * A descriptor belongs to the process that calls.
 */
const notInRecipes: readonly (keyof typeof runOptions)[] = [
  'recipe',
  'cookbook',
  'config',
  'idempotencyKey',
  'passwordDescriptor',
  'sudoPasswordDescriptor',
];

/** Slots of which a layer that sets one replaces all: they are one decision. */
const decisions: readonly (readonly string[])[] = [
  ['hosts', 'hostFiles'],
  ['command', 'args', 'script'],
  ['shell', 'argv'],
  outputModes,
];

/** What is given of the first is meant for the others, too; not so the other way round. */
const covers: Readonly<Record<string, readonly string[]>> = {
  hooks: ['prehooks', 'posthooks'],
  noHooks: ['prehooks', 'posthooks'],
};

export const recordKeys: ReadonlyMap<string, RecordKey> = keysOf(runOptions);

function keysOf(options: Readonly<Record<string, AnyOption>>): Map<string, RecordKey> {
  const keys = new Map<string, RecordKey>();
  const longNames = ({ spellings }: AnyOption) =>
    spellings.filter((spelling) => spelling.startsWith('--')).map((spelling) => spelling.slice(2));
  const named = Object.entries(options).flatMap(([slot, option]) =>
    longNames(option).map((name) => ({ name, slot, option })),
  );
  const byName = new Map(named.map((entry) => [entry.name, entry]));
  const add = (key: RecordKey) => {
    for (const name of [key.name, key.name.replaceAll('-', '_')]) if (!keys.has(name)) keys.set(name, key);
  };
  for (const { name, slot, option } of named) {
    if ((notInRecipes as readonly string[]).includes(slot)) continue;
    if (option.kind !== 'flag') {
      add({ name, slot, option, text: textKind(option) });
      continue;
    }
    const opposite = byName.get(option.value ? `no-${name}` : name.replace(/^no-/, ''));
    const flags = opposite?.option.kind === 'flag' ? opposite : undefined;
    const positive = option.value ? slot : flags?.slot;
    const negative = option.value ? flags?.slot : slot;
    const shared = { slot: positive ?? slot, option, text: 'plain' } as const;
    const [on, off] = [positive && { whenTrue: positive }, negative && { whenFalse: negative }];
    if (option.value) add({ ...shared, name, ...on, ...off });
    else {
      add({
        ...shared,
        name,
        ...(negative && { whenTrue: negative }),
        ...(positive && { whenFalse: positive }),
      });
      if (!byName.has(name.replace(/^no-/, '')))
        add({ ...shared, name: name.replace(/^no-/, ''), ...on, ...off });
    }
  }
  return keys;
}

function textKind(option: Exclude<AnyOption, { kind: 'flag' }>): TextKind {
  if (option.argument === 'EXPR') return 'targets';
  if (option.argument === 'CMD') return 'shell';
  return option.completes === 'file' || option.completes === 'directory' ? 'path' : 'plain';
}

/** The slots that a layer replaces when it sets this one: itself, its opposite, what is one decision with it, or a part of it. */
export function replacedBy(slot: string): ReadonlySet<string> {
  const together = decisions.find((slots) => slots.includes(slot)) ?? [];
  return new Set([slot, ...together, ...(opposites.get(slot) ?? []), ...(covers[slot] ?? [])]);
}

/** Options of which one is `--x` and the other `--no-x`, each with the other. */
const opposites: ReadonlyMap<string, readonly string[]> = oppositesOf(runOptions);

function oppositesOf(options: Readonly<Record<string, AnyOption>>): Map<string, string[]> {
  const slots = new Map<string, string>();
  for (const [slot, { spellings }] of Object.entries(options))
    for (const spelling of spellings) slots.set(spelling, slot);
  const pairs = new Map<string, string[]>();
  for (const [spelling, slot] of slots) {
    const other = slots.get(spelling.replace(/^--no-/, '--'));
    if (!spelling.startsWith('--no-') || other === undefined) continue;
    pairs.set(slot, [...(pairs.get(slot) ?? []), other]);
    pairs.set(other, [...(pairs.get(other) ?? []), slot]);
  }
  return pairs;
}
