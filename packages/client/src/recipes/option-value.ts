/** From an entry of a recipe and the values of its parameters to what a command line would have given. */
import { runOptions } from '../run/run-options.js';
import type { RecipeEntry, RecipeText } from './recipe-entries.js';
import type { RecordKey } from './record-keys.js';
import { parseShellTemplate, renderShell } from './shell-text.js';
import { renderTargets, type TargetValue } from './target-text.js';
import { renderText } from './template.js';

export type ValueOf = (name: string) => TargetValue;

export type OptionValue =
  | {
      readonly ok: true;
      /** The option's key; undefined: it is as if it weren't given. */
      readonly key: string | undefined;
      readonly value: unknown;
    }
  | { readonly ok: false; readonly text: RecipeText; readonly code: string; readonly message: string };

/** @param pathOf where a path of the cookbook leads */
export function optionValue(
  { key, texts }: RecipeEntry<RecordKey>,
  valueOf: ValueOf,
  pathOf: (path: string) => string,
): OptionValue {
  const { option } = key;
  const rendered: string[] = [];
  for (const text of texts) {
    const value = renderedText(text, key.text, valueOf);
    if (!value.ok) return { ...value, text };
    rendered.push(key.text === 'path' && value.value !== '' ? pathOf(value.value) : value.value);
  }
  const [first] = texts as [RecipeText];
  if (option.kind === 'flag') return flagValue(key, first, rendered[0]!);
  if (option.kind === 'one') {
    const odd = texts.length > 1 ? rendered.findIndex((value) => value.includes(',')) : -1;
    if (odd >= 0) {
      const message = `${JSON.stringify(rendered[odd])} is more than one value: a comma divides values here`;
      return { ok: false, text: texts[odd]!, code: 'invalid-value', message };
    }
    const parsed = option.parse(rendered.join(','));
    if (parsed.ok) return { ok: true, key: key.slot, value: parsed.value };
    return { ok: false, text: first, code: parsed.failure.code, message: parsed.failure.message };
  }
  const values: unknown[] = [];
  for (const [index, text] of rendered.entries()) {
    const parsed = option.parse(text);
    if (!parsed.ok)
      return { ok: false, text: texts[index]!, code: parsed.failure.code, message: parsed.failure.message };
    values.push(parsed.value);
  }
  return { ok: true, key: key.slot, value: values };
}

/** A text with the values of its parameters, each as its kind demands. */
export function renderedText(
  { template }: RecipeText,
  kind: RecordKey['text'],
  valueOf: ValueOf,
):
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly code: string; readonly message: string } {
  const plain = (name: string) => valueOf(name).value;
  switch (kind) {
    case 'plain':
    case 'path':
      return { ok: true, value: renderText(template, plain) };
    case 'shell': {
      const shell = parseShellTemplate(template);
      if (shell.ok) return { ok: true, value: renderShell(shell, plain) };
      return {
        ok: false,
        code: 'unquotable-reference',
        message: unquotable(shell.reference.name, shell.reason),
      };
    }
    case 'targets': {
      const targets = renderTargets(template, valueOf);
      if (targets.ok) return { ok: true, value: targets.expression };
      return { ok: false, code: 'invalid-target', message: targets.message };
    }
  }
}

export function unquotable(name: string, reason: string): string {
  return `{{${name}}} can't be quoted there, as ${reason}: give it to a variable in the beginning, as in v={{${name}}}; and use "$v"`;
}

function flagValue(key: RecordKey, text: RecipeText, value: string): OptionValue {
  if (value !== 'true' && value !== 'false') {
    const message = `${JSON.stringify(value)} is neither true nor false`;
    return { ok: false, text, code: 'invalid-value', message };
  }
  const chosen = value === 'true' ? key.whenTrue : key.whenFalse;
  if (chosen === undefined) return { ok: true, key: undefined, value: undefined };
  const option = runOptions[chosen as keyof typeof runOptions];
  return { ok: true, key: chosen, value: option.kind === 'flag' ? option.value : true };
}
