/** A cookbook from where it was said to be: a file, standard input, or a web server. */
import type { FileProblem } from '@pogo/protocol';
import { isUrl } from '../configuration/path-from.js';
import type { Environment } from '../environment.js';
import { failed, type Result, success, usageFailure } from '../failure.js';
import { readAtMost } from '../read-at-most.js';
import { sayProblems, type WrongFile } from '../render/file-problems.js';
import { checkCookbook, type Cookbook, maxCookbookBytes } from './cookbook.js';
import { cookbookUrl, fetchCookbook, shownUrl } from './fetch-cookbook.js';

export interface LoadedCookbook {
  /** As messages name it. */
  readonly file: string;
  readonly checked: ReturnType<typeof checkCookbook>;
}

/** Reads and checks it. */
export async function loadCookbook(environment: Environment, where: string): Promise<Result<LoadedCookbook>> {
  if (isUrl(where)) {
    const url = cookbookUrl(where);
    if (!url.ok) return url;
    const content = await fetchCookbook(url.value, { clock: environment.clock, maxBytes: maxCookbookBytes });
    if (!content.ok) return content;
    return success(checkedCookbook(content.value, shownUrl(url.value), false));
  }
  const content = await readAtMost(environment, where, { what: 'cookbook', maxBytes: maxCookbookBytes + 1 });
  if (!content.ok) return content;
  return success(checkedCookbook(content.value, where === '-' ? 'standard input' : where, true));
}

function checkedCookbook(content: Uint8Array, file: string, isLocal: boolean): LoadedCookbook {
  return { file, checked: checkCookbook({ content, file, isLocal }) };
}

/** Reads it for use: what is wrong with it is said on stderr. */
export async function useCookbook(
  environment: Environment,
  where: string | undefined,
): Promise<Result<Cookbook>> {
  if (where === undefined) return noCookbook();
  const loaded = await loadCookbook(environment, where);
  if (!loaded.ok) return loaded;
  const { file, checked } = loaded.value;
  if (checked.ok) return success(checked.cookbook);
  return failed(sayProblems(environment, wrongCookbook(file, checked.problems)));
}

export function noCookbook(): Result<never> {
  return usageFailure(
    'no-cookbook',
    'no cookbook is named: say where recipes are with -C FILE or -C https://…, or in the configuration, as in cookbook: FILE',
  );
}

export function wrongCookbook(file: string, problems: readonly FileProblem[]): WrongFile {
  return { file, problems, code: 'invalid-cookbook', consequence: 'none of its recipes is used' };
}
