/** Checks a namespace file after its inventories, if it has any, were read: what is checked names its hosts itself. */
import { dirname, resolve } from 'node:path';
import { checkNamespace, type CheckedNamespace, type FileProblem, readInventories } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import { type Result, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { loadInventory, type LoadedInventory } from './load-inventory.js';

export interface CheckedFile {
  /** What is to be applied: the file itself, or with the hosts of its inventories in it. */
  readonly content: Uint8Array;
  readonly checked: CheckedNamespace;
}

/** @param given.path `-` for standard input, whose inventories are relative to the working directory */
export async function checkFileWithInventories(
  environment: Environment,
  { path, file, content }: { readonly path: string; readonly file: string; readonly content: Uint8Array },
): Promise<Result<CheckedFile>> {
  const read = readInventories(content, file);
  const refused = (problems: readonly FileProblem[]) =>
    success({ content, checked: { ok: false as const, problems } });
  if (!read.ok) return refused(read.problems);
  if (read.declared.length === 0) return success({ content, checked: checkNamespace(content, file) });

  const directory = path === '-' ? resolve('.') : dirname(resolve(path));
  const context = { environment, file, directory };
  const outcomes = await Promise.all(read.declared.map((declared) => loadInventory(context, declared)));
  const loaded = new Map<string, LoadedInventory>();
  const problems: FileProblem[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (!outcome.ok) return outcome;
    const { name } = read.declared[index]!;
    if (outcome.value.kind === 'problems') problems.push(...outcome.value.problems);
    else {
      loaded.set(name, outcome.value.inventory);
      for (const note of outcome.value.inventory.notes)
        environment.stderr.write(`note: ${neutralise(`inventory ${name}: ${note}`)}\n`);
    }
  }
  if (problems.length > 0) return refused(problems);

  const expanded = read.expand((inventory, group) => loaded.get(inventory)?.groups.get(group));
  if (!expanded.ok) return refused(expanded.problems);
  const { text, placeOf } = expanded;
  const checked = checkNamespace(text, file);
  const inFile = (problem: FileProblem) => ({ ...problem, ...placeOf(problem) });
  return success({
    content: Buffer.from(text),
    checked: checked.ok
      ? { ...checked, warnings: checked.warnings.map(inFile) }
      : { ok: false, problems: checked.problems.map(inFile) },
  });
}
