/**
 * Cookbooks (docs: RECIPES.md): a list of recipes in YAML, each what a run would be given as options. Pure.
 *
 * 1. Every text is as it is written: `1.10` is not 1.1, and a list for a program arrives byte for byte.
 * 2. Whatever can be known to be wrong without the values of parameters is told when the cookbook is read, at its place, and
 *    of every recipe, used or not.
 * 3. A text knows the parameters of its own record and of those that this is based on, and no others.
 */
import { type FileProblem, inFileOrder, readYamlFile, schemaProblems, type TextPlace } from '@pogo/protocol';
import { similarTo } from '../command-line/similar.js';
import { type Result, success, usageFailure } from '../failure.js';
import { checkEntries } from './check-entries.js';
import { Checking, maxCookbookProblems } from './checking.js';
import { type CookbookRecord, cookbookSchema, maxBases } from './cookbook-schema.js';
import { type Declaration, declaredParameter, type Parameter } from './parameters.js';
import { readEntries, type RecipeEntry } from './recipe-entries.js';
import { replacedBy } from './record-keys.js';

/** Largest cookbook, in bytes. */
export const maxCookbookBytes = 1024 * 1024;

export interface Recipe {
  readonly name: string;
  readonly description?: string;
  readonly place: TextPlace;
  /** What it is based on, the nearest first. */
  readonly bases: readonly string[];
  /** What it sets, its bases' settings among it. */
  readonly entries: readonly RecipeEntry[];
  readonly parameters: ReadonlyMap<string, Parameter>;
}

export interface Cookbook {
  /** As messages name it. */
  readonly file: string;
  readonly recipes: ReadonlyMap<string, Recipe>;
}

export type CheckedCookbook =
  | { readonly ok: true; readonly cookbook: Cookbook }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

export interface CookbookContent {
  readonly content: string | Uint8Array;
  readonly file: string;
  /** It may name files of this machine. */
  readonly isLocal: boolean;
}

/** The recipes of a cookbook, or what is wrong with it, by line. Never throws. */
export function checkCookbook({ content, file, isLocal }: CookbookContent): CheckedCookbook {
  const read = readYamlFile({
    content,
    file,
    what: 'cookbook',
    maxBytes: maxCookbookBytes,
    needs: 'a list of recipes',
    scalars: 'as-written',
  });
  if (!read.ok) return read;
  const { tree } = read;
  const parsed = cookbookSchema.safeParse(tree.value);
  if (!parsed.success) return refused(schemaProblems(parsed.error, tree, file));
  const checking = new Checking({
    file,
    isLocal,
    place: (path, at, offset) => tree.place(path, at, offset),
  });
  const recipes = new CookbookReader(parsed.data, checking).recipes();
  if (checking.problems.length > 0) return refused(checking.problems);
  return { ok: true, cookbook: { file, recipes } };
}

function refused(problems: readonly FileProblem[]): CheckedCookbook {
  return { ok: false, problems: inFileOrder(problems).slice(0, maxCookbookProblems) };
}

/** A record with what it is based on. */
interface Line {
  readonly record: CookbookRecord;
  readonly index: number;
}

class CookbookReader {
  readonly #records: readonly CookbookRecord[];
  readonly #checking: Checking;
  readonly #byName = new Map<string, Line>();

  constructor(records: readonly CookbookRecord[], checking: Checking) {
    this.#records = records;
    this.#checking = checking;
  }

  recipes(): Map<string, Recipe> {
    const own = new Map<string, readonly RecipeEntry[]>();
    for (const [index, record] of this.#records.entries()) {
      if (this.#isFirst(record, index)) own.set(record.name, readEntries(record, index, this.#checking));
      if (this.#checking.isFull) return new Map();
    }
    const recipes = new Map<string, Recipe>();
    for (const line of this.#byName.values()) {
      const lineage = this.#lineage(line);
      if (this.#checking.isFull) break;
      if (lineage === undefined) continue;
      const parameters = this.#parameters(lineage);
      checkEntries(own.get(line.record.name)!, parameters, this.#checking);
      const { name, description } = line.record;
      recipes.set(name, {
        name,
        ...(description !== undefined && { description }),
        place: this.#checking.valuePlace([line.index]),
        bases: lineage.slice(1).map(({ record }) => record.name),
        entries: inherited(lineage.map(({ record }) => own.get(record.name)!)),
        parameters,
      });
    }
    return recipes;
  }

  #isFirst(record: CookbookRecord, index: number): boolean {
    const first = this.#byName.get(record.name);
    if (first === undefined) {
      this.#byName.set(record.name, { record, index });
      return true;
    }
    const { line } = this.#checking.valuePlace([first.index, 'name']);
    const message = `there is a recipe "${record.name}" in line ${line} already: give one of them another name`;
    this.#checking.value([index, 'name'], 'duplicate-recipe', message);
    return false;
  }

  /** The record and those that it is based on, the nearest first; undefined: that leads nowhere. */
  #lineage(start: Line): readonly Line[] | undefined {
    const lineage = [start];
    const wrong = (code: string, message: string) => {
      this.#checking.value([start.index, 'based_on'], code, message);
      return undefined;
    };
    for (let line = start; line.record.based_on !== undefined;) {
      const name: string = line.record.based_on;
      const next = this.#byName.get(name);
      if (next === undefined) {
        // Of a base it is told there.
        if (line !== start) return undefined;
        const similar = similarTo(name, this.#byName.keys());
        const advice = similar === undefined ? 'it must be in the same cookbook' : `did you mean ${similar}?`;
        return wrong('unknown-base', `there is no recipe ${JSON.stringify(name)}: ${advice}`);
      }
      if (lineage.includes(next)) {
        if (next !== start) return undefined;
        const circle = [...lineage, next].map(({ record }) => record.name).join(' -> ');
        return wrong('base-cycle', `a recipe can't be based on itself: ${circle}`);
      }
      if (lineage.length > maxBases)
        return wrong(
          'base-too-deep',
          `more than ${maxBases} recipes are based on one another: put some together`,
        );
      lineage.push(next);
      line = next;
    }
    return lineage;
  }

  /** Declarations are laid over one another key by key, so that a record may give only another default. */
  #parameters(lineage: readonly Line[]): Map<string, Parameter> {
    const declared = new Map<string, { declaration: Declaration; line: Line }>();
    for (const line of lineage.toReversed()) {
      for (const [name, declaration] of Object.entries(line.record.parameters ?? {})) {
        const before = declared.get(name)?.declaration;
        declared.set(name, { declaration: { ...before, ...declaration }, line });
      }
    }
    const parameters = new Map<string, Parameter>();
    for (const [name, { declaration, line }] of declared) {
      const record = line.record.name;
      const read = declaredParameter(name, declaration, record);
      parameters.set(name, read.ok ? read.parameter : { name, type: 'string', record });
      if (read.ok || line !== lineage[0]) continue;
      const own = line.record.parameters![name]!;
      const path = [line.index, 'parameters', name, ...(read.key in own ? [read.key] : [])];
      this.#checking.value(path, 'invalid-parameter', `${name}: ${read.message}`);
    }
    return parameters;
  }
}

/** The entries of a recipe and of its bases, the nearest first, laid over one another. */
function inherited(layers: readonly (readonly RecipeEntry[])[]): RecipeEntry[] {
  let entries: RecipeEntry[] = [];
  for (const layer of layers.toReversed()) {
    const replaced = new Set(layer.flatMap(({ key }) => [...replacedBy(key.slot)]));
    entries = [...entries.filter(({ key }) => !replaced.has(key.slot)), ...layer];
  }
  return entries;
}

/** The recipe of that name. */
export function findRecipe({ recipes, file }: Cookbook, name: string): Result<Recipe> {
  const recipe = recipes.get(name);
  if (recipe !== undefined) return success(recipe);
  const similar = similarTo(name, recipes.keys());
  const advice =
    similar === undefined ? '`pogo recipes list` shows what there is' : `did you mean ${similar}?`;
  return usageFailure('unknown-recipe', `${file} has no recipe ${JSON.stringify(name)}: ${advice}`);
}
