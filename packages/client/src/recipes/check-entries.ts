/** What can be known to be wrong with the texts of a record before its parameters have values. */
import { similarTo } from '../command-line/similar.js';
import type { Checking } from './checking.js';
import { optionValue, unquotable } from './option-value.js';
import type { Parameter } from './parameters.js';
import { isOption, type RecipeEntry, type RecipeText } from './recipe-entries.js';
import type { RecordKey } from './record-keys.js';
import { parseShellTemplate } from './shell-text.js';
import { misplacedHosts, type TargetValue } from './target-text.js';
import { referencesOf } from './template.js';

type Parameters = ReadonlyMap<string, Parameter>;

/** @param entries those of one record */
export function checkEntries(
  entries: readonly RecipeEntry[],
  parameters: Parameters,
  checking: Checking,
): void {
  const isArgv = entries.some(({ key }) => key.slot === 'argv');
  for (const entry of entries) {
    if (!referencesAreKnown(entry, parameters, checking)) continue;
    if (isOption(entry)) checkOption(entry, parameters, checking);
    else if (entry.key.name === 'command' && !entry.isList && !isArgv) checkShell(entry.texts[0]!, checking);
  }
}

function referencesAreKnown({ texts }: RecipeEntry, parameters: Parameters, checking: Checking): boolean {
  let known = true;
  for (const text of texts) {
    for (const { name, offset } of referencesOf(text.template)) {
      if (parameters.has(name)) continue;
      known = false;
      const similar = similarTo(name, parameters.keys());
      const advice =
        similar === undefined
          ? 'declare it under parameters, or write "{{{{" for two braces as they are'
          : `did you mean ${similar}?`;
      checking.value(text.path, 'unknown-parameter', `there is no parameter ${name}: ${advice}`, offset);
    }
  }
  return known;
}

function checkOption(entry: RecipeEntry<RecordKey>, parameters: Parameters, checking: Checking): void {
  const { key, texts, path } = entry;
  if (key.text === 'path' && !checking.isLocal) {
    const message = `${key.name} names a file of the machine that runs pogo, which a cookbook from elsewhere can't know: give it on the command line`;
    checking.key(path, 'local-file', message);
    return;
  }
  if (key.text === 'shell') {
    for (const text of texts) checkShell(text, checking);
    return;
  }
  for (const text of key.text === 'targets' ? texts : []) {
    const misplaced = misplacedHosts(text.template, (name) => parameters.get(name)!.type === 'hosts');
    if (misplaced === undefined) continue;
    const message = `{{${misplaced.name}}} is of type hosts, and stands for hosts, not for a part of a name: put a comma, "&", "!", "^" or white space beside it`;
    checking.value(text.path, 'invalid-target', message, misplaced.offset);
    return;
  }
  const samples = samplesFor(entry, parameters);
  if (samples === undefined) return;
  const value = optionValue(
    entry,
    (name) => samples.get(name)!,
    (file) => file,
  );
  if (!value.ok) checking.value(value.text.path, value.code, `${key.name}: ${value.message}`);
}

/** Values with which the entry must be right; undefined: some parameter has none that is certain to be given. */
function samplesFor(
  { texts }: RecipeEntry,
  parameters: Parameters,
): ReadonlyMap<string, TargetValue> | undefined {
  const samples = new Map<string, TargetValue>();
  for (const { name } of texts.flatMap(({ template }) => referencesOf(template))) {
    const { type, default: value = type === 'hosts' ? 'host' : undefined } = parameters.get(name)!;
    if (value === undefined) return undefined;
    samples.set(name, { isHosts: type === 'hosts', value });
  }
  return samples;
}

function checkShell(text: RecipeText, checking: Checking): void {
  const shell = parseShellTemplate(text.template);
  if (shell.ok) return;
  const { name, offset } = shell.reference;
  checking.value(text.path, 'unquotable-reference', unquotable(name, shell.reason), offset);
}
