/** What a record sets: its command, its arguments, and options of a run. */
import type { TextPlace } from '@pogo/protocol';
import { similarTo } from '../command-line/similar.js';
import type { Checking, CookbookPath } from './checking.js';
import { type CookbookRecord, ownKeys, secretName } from './cookbook-schema.js';
import { type RecordKey, recordKeys } from './record-keys.js';
import { parseTemplate, type Template } from './template.js';

/** The two keys that set what no option does. */
interface CommandKey {
  readonly name: 'command' | 'args';
  readonly slot: 'command' | 'args';
  readonly option?: undefined;
}

export interface RecipeText {
  readonly text: string;
  readonly template: Template;
  readonly path: CookbookPath;
}

export interface RecipeEntry<Key = RecordKey | CommandKey> {
  readonly key: Key;
  /** One, unless it is a list. */
  readonly texts: readonly RecipeText[];
  readonly isList: boolean;
  /** The record that sets it. */
  readonly record: string;
  /** Of the key. */
  readonly path: CookbookPath;
  /** Of the value. */
  readonly place: TextPlace;
}

export function isOption(entry: RecipeEntry): entry is RecipeEntry<RecordKey> {
  return entry.key.option !== undefined;
}

/** The entries of a record alone; tells of keys that there aren't, and of values that no text can be made of. */
export function readEntries(record: CookbookRecord, index: number, checking: Checking): RecipeEntry[] {
  const entries: RecipeEntry[] = [];
  const bySlot = new Map<string, string>();
  for (const [name, value] of Object.entries(record)) {
    const path = [index, name];
    const key = keyOf(name, path, checking);
    if (key === undefined) continue;
    const before = bySlot.get(key.slot);
    if (before !== undefined) {
      checking.key(path, 'duplicate-key', `${name} and ${before} set the same: leave one of them out`);
      continue;
    }
    bySlot.set(key.slot, name);
    const texts = readTexts(value, path, checking);
    if (texts === undefined) continue;
    const isList = Array.isArray(value);
    if (isList && !takesList(key)) {
      checking.value(path, 'wrong-type', `${name}: expected one value, and no list`);
      continue;
    }
    entries.push({ key, texts, isList, record: record.name, path, place: checking.valuePlace(path) });
  }
  const args = entries.find(({ key }) => key.name === 'args');
  const command = entries.find(({ key }) => key.name === 'command');
  const script = entries.find(({ key }) => key.slot === 'script');
  if (args !== undefined && command !== undefined) {
    const message =
      'args are the arguments of a script (file: …), and this record has a command: write them into its list';
    checking.key(args.path, 'contradicting-keys', message);
  }
  if (script !== undefined && command !== undefined)
    checking.key(
      script.path,
      'contradicting-keys',
      'a recipe has a command or a script, and this record has both',
    );
  return entries.sort(
    (one, other) => one.place.line - other.place.line || one.place.column - other.place.column,
  );
}

function keyOf(name: string, path: CookbookPath, checking: Checking): RecipeEntry['key'] | undefined {
  if (name === 'command' || name === 'args') return { name, slot: name };
  if (ownKeys.includes(name)) return undefined;
  const key = recordKeys.get(name);
  if (key !== undefined) return key;
  if (secretName(name)) {
    const message = `"${name}" has no place in a cookbook, which holds no secrets: it is asked for, or comes from a file that secrets, password-file or sudo-password-file name`;
    checking.key(path, 'secret-in-recipe', message);
    return undefined;
  }
  const similar = similarTo(name, [...ownKeys, ...recordKeys.keys()]);
  const advice =
    similar === undefined
      ? `known are ${ownKeys.join(', ')}, and the long options of pogo run without their dashes`
      : `did you mean ${similar}?`;
  checking.key(path, 'unknown-key', `unknown key ${JSON.stringify(name)}: ${advice}`);
  return undefined;
}

function readTexts(value: unknown, path: CookbookPath, checking: Checking): RecipeText[] | undefined {
  const items = Array.isArray(value)
    ? value.map((item: unknown, index) => ({ item, path: [...path, index] }))
    : [{ item: value, path }];
  const texts: RecipeText[] = [];
  for (const { item, path: place } of items) {
    if (typeof item !== 'string') {
      checking.value(place, 'wrong-type', `${path.at(-1)}: expected a text, or a list of texts`);
      return undefined;
    }
    const parsed = parseTemplate(item);
    if (!parsed.ok) {
      checking.value(place, 'invalid-reference', parsed.message, parsed.offset);
      return undefined;
    }
    texts.push({ text: item, template: parsed.template, path: place });
  }
  return texts;
}

/** An option that is given several times, or has several values in one, which its help shows as `METHOD,…`. */
function takesList({ option }: RecipeEntry['key']): boolean {
  if (option === undefined) return true;
  return option.kind === 'many' || (option.kind === 'one' && option.argument.includes(','));
}
