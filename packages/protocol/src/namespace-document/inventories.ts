/**
 * Inventories of a namespace file: where it takes groups of hosts from, and how it becomes a file that names them. Pure:
 * what they answer is given.
 *
 * 1. What comes out stands for itself: no inventory is left in it, and no path or command of one.
 * 2. It is the file as it was written, comments and all, but for the expressions that name groups of inventories: each of
 *    these is another text on the same line, so that line numbers stay.
 * 3. A group that no inventory has, or that has no host, is a problem and no empty set.
 */
import { foldTargets, hostKey, isNamespaceName, parseTargets, type TargetExpression } from '@pogo/core';
import * as z from 'zod';
import type { FileProblem } from '../yaml-file/file-problem.js';
import { printable, type TextPlace, type YamlPath, type YamlTree } from '../yaml-file/yaml-tree.js';
import { hasInventories, inventoriesKey, readDocument } from './namespace-document.js';

/** Where an inventory is; paths are as the file has them, relative to it. */
export type InventorySource =
  /** An Ansible inventory, INI or YAML; hosts are called by their names in it, or by their `ansible_host`. */
  | { readonly kind: 'ansible'; readonly path: string; readonly names: 'inventory' | 'ansible_host' }
  /** A program that prints groups as JSON. */
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly timeoutMs: number };

export interface DeclaredInventory extends TextPlace {
  readonly name: string;
  readonly source: InventorySource;
}

/** Names of hosts of a group, in order and each once; undefined when the inventory has no such group. */
export type InventoryGroup = (inventory: string, group: string) => readonly string[] | undefined;

export type ReadInventories =
  | {
      readonly ok: true;
      readonly declared: readonly DeclaredInventory[];
      expand(groups: InventoryGroup): Expanded;
    }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

export type Expanded =
  | {
      readonly ok: true;
      /** The file that names the hosts. */
      readonly text: string;
      /** A place of a problem in it as the file has it that people know. */
      placeOf(place: TextPlace): TextPlace;
    }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Longest run of a command, in seconds. */
const maxTimeoutSeconds = 600;
const defaultTimeoutSeconds = 30;

const path = z.string({ error: 'expected the path of a file' }).min(1, 'expected the path of a file');
const sourceSchema = z
  .union(
    [
      z.strictObject({ ansible: path, names: z.enum(['inventory', 'ansible_host']).default('inventory') }),
      z.strictObject({
        command: z.preprocess(
          (value) => (typeof value === 'string' ? [value] : value),
          z.array(z.string()).min(1),
        ),
        timeout: z.number().min(1).max(maxTimeoutSeconds).default(defaultTimeoutSeconds),
      }),
    ],
    {
      error: `expected { ansible: FILE }, which may have names: ansible_host, or { command: [ PROGRAM, ARGUMENT ] }, which may have timeout: SECONDS of at most ${maxTimeoutSeconds}`,
    },
  )
  .transform((source): InventorySource =>
    'ansible' in source
      ? { kind: 'ansible', path: source.ansible, names: source.names }
      : { kind: 'command', argv: source.command, timeoutMs: source.timeout * 1000 },
  );

/** The inventories that a file declares, none as a rule; `content` may be its bytes. Never throws. */
export function readInventories(content: string | Uint8Array, file: string): ReadInventories {
  const none: ReadInventories = {
    ok: true,
    declared: [],
    expand: () => ({ ok: true, text: textOf(content), placeOf: (place) => place }),
  };
  if (!textOf(content).includes(inventoriesKey)) return none;
  const read = readDocument(content, file);
  // Whoever checks the file says what is wrong with it.
  if (!read.ok || !hasInventories(read.tree.value)) return none;
  const text = textOf(content);
  const { tree } = read;
  const problems: FileProblem[] = [];
  const add = (at: YamlPath, code: string, message: string, part: 'key' | 'value' = 'key') =>
    problems.push({ file, ...tree.place(at, part), code, message });
  const value = tree.value as Record<string, unknown>;
  const block = blockOf(text, tree, value);
  if (block === undefined)
    add(
      [inventoriesKey],
      'inventories-place',
      'write inventories as a key of its own, at the beginning of a line: those lines are left out of what is applied',
    );
  const declared = declaredIn(value, tree, add);
  if (problems.length > 0) return { ok: false, problems };
  const references = referencesIn(value, new Set(declared.map(({ name }) => name)), add);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    declared,
    expand: (groups) => new Expansion({ file, text, tree, block: block!, groups }).expand(references),
  };
}

function textOf(content: string | Uint8Array): string {
  return typeof content === 'string' ? content : new TextDecoder().decode(content);
}

type AddProblem = (at: YamlPath, code: string, message: string, part?: 'key' | 'value') => void;

function declaredIn(value: Record<string, unknown>, tree: YamlTree, add: AddProblem): DeclaredInventory[] {
  const inventories = value[inventoriesKey];
  if (!isRecord(inventories)) {
    add([inventoriesKey], 'wrong-type', 'expected inventories by name, such as dc1: { ansible: hosts.ini }');
    return [];
  }
  const types = isRecord(value['envs']) ? value['envs'] : {};
  return Object.entries(inventories).flatMap(([name, given]) => {
    const at = [inventoriesKey, name];
    if (!isNamespaceName(name) || name === 'file') {
      add(at, 'invalid-name', `"${printable(name)}" can't be the name of an inventory`);
      return [];
    }
    if (Object.hasOwn(types, name)) {
      const message = `${name} is an environment type as well, so that nobody knows whose group @${name}:… is: give one another name`;
      add(at, 'duplicate-key', message);
      return [];
    }
    const source = sourceSchema.safeParse(given);
    if (source.success) return [{ name, source: source.data, ...tree.place(at, 'key') }];
    add(at, 'wrong-type', source.error.issues[0]!.message);
    return [];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lines of the key `inventories`, from 0, the last one not included; undefined where others share them. */
interface Block {
  readonly first: number;
  readonly end: number;
}

function blockOf(text: string, tree: YamlTree, value: Record<string, unknown>): Block | undefined {
  const root = tree.range([]);
  if (root === undefined || text[root.start] === '{') return undefined;
  const lineOf = (key: string) => tree.place([key], 'key').line - 1;
  const first = lineOf(inventoriesKey);
  const later = Object.keys(value)
    .map(lineOf)
    .filter((line) => line > first);
  return { first, end: Math.min(...later, text.split('\n').length) };
}

/** Expressions that are one group or pool, and name groups of inventories. */
interface References {
  readonly expressions: readonly { readonly path: YamlPath; readonly text: string }[];
}

/** Groups and pools of the file, each with its expressions, where any of them names a group of an inventory. */
function referencesIn(
  value: Record<string, unknown>,
  inventories: ReadonlySet<string>,
  add: AddProblem,
): References[] {
  const lists: { path: YamlPath; value: unknown }[] = [];
  const under = (at: YamlPath, parent: unknown) =>
    isRecord(parent)
      ? Object.entries(parent).map(([key, child]) => ({ path: [...at, key], value: child }))
      : [];
  lists.push(...under(['apps'], value['apps']), ...under(['pools'], value['pools']));
  for (const type of under(['envs'], value['envs'])) lists.push(...under(type.path, type.value));
  return lists.flatMap((list) => {
    const items = Array.isArray(list.value)
      ? list.value.map((item: unknown, index) => ({ path: [...list.path, index], item }))
      : [{ path: list.path, item: list.value }];
    const expressions = items.flatMap(({ path: at, item }) =>
      typeof item === 'string' ? [{ path: at, text: item }] : [],
    );
    const named = expressions.filter(({ path: at, text }) => {
      const parsed = parseTargets(text);
      if (!parsed.ok) return false;
      const found = operandsOf(parsed.expression).map((operand) => referenceOf(operand, text, inventories));
      if (found.includes('several'))
        add(at, 'invalid-name', 'name groups of inventories one by one: no ranges and alternatives', 'value');
      return found.some((one) => one !== undefined);
    });
    return named.length > 0 ? [{ expressions }] : [];
  });
}

type Operand = TargetExpression['terms'][number]['first'];

function operandsOf({ terms }: TargetExpression): Operand[] {
  return terms.flatMap(({ first, rest }) => [first, ...rest.map(({ operand }) => operand)]);
}

interface Reference {
  readonly inventory: string;
  readonly group: string;
}

/** The group of an inventory that an operand is; `several` where it would be more than one. */
function referenceOf(
  operand: Operand,
  text: string,
  inventories: ReadonlySet<string>,
): Reference | 'several' | undefined {
  if (operand.kind !== 'environment') return undefined;
  const [inventory, group] = text.slice(operand.offset + 1, operand.offset + operand.length).split(':');
  if (!inventories.has(inventory!)) return undefined;
  return isNamespaceName(group!) ? { inventory: inventory!, group: group! } : 'several';
}

interface ExpansionInput {
  readonly file: string;
  readonly text: string;
  readonly tree: YamlTree;
  readonly block: Block;
  readonly groups: InventoryGroup;
}

class Expansion {
  readonly #input: ExpansionInput;
  readonly #problems: FileProblem[] = [];

  constructor(input: ExpansionInput) {
    this.#input = input;
  }

  expand(references: readonly References[]): Expanded {
    const { text, tree, block } = this.#input;
    const edits: { start: number; end: number; text: string }[] = [];
    /** By line, from 1: where texts begin that are other ones now. */
    const changed = new Map<number, number[]>();
    for (const { expressions } of references) {
      // What a group has from one inventory already isn't written a second time.
      const seen = new Set<string>();
      for (const expression of expressions) {
        const replaced = this.#replaced(expression, seen);
        const range = tree.range(expression.path);
        if (replaced === undefined || range === undefined) continue;
        const written = text.slice(range.start, range.end);
        const lines = written.split('\n').length - 1;
        edits.push({ ...range, text: `${JSON.stringify(replaced)}${'\n'.repeat(lines)}` });
        const { line, column } = tree.place(expression.path, 'value');
        changed.set(line, [...(changed.get(line) ?? []), column]);
      }
    }
    if (this.#problems.length > 0) return { ok: false, problems: this.#problems };
    let expanded = text;
    for (const edit of edits.sort((one, other) => other.start - one.start))
      expanded = expanded.slice(0, edit.start) + edit.text + expanded.slice(edit.end);
    return {
      ok: true,
      text: withoutBlock(expanded, block, this.#names()),
      placeOf: ({ line, column }) => {
        const first = Math.min(...(changed.get(line) ?? [Infinity]));
        return { line, column: Math.min(column, first) };
      },
    };
  }

  #names(): string[] {
    return Object.keys((this.#input.tree.value as Record<string, object>)[inventoriesKey]!);
  }

  /** The expression with hosts instead of groups of inventories; undefined where it names none, or has a problem. */
  #replaced({ path: at, text }: { path: YamlPath; text: string }, seen: Set<string>): string | undefined {
    const parsed = parseTargets(text);
    if (!parsed.ok) return undefined;
    const inventories = new Set(this.#names());
    let isChanged = false;
    const terms: string[] = [];
    let spare: string | undefined;
    for (const { first, rest } of parsed.expression.terms) {
      const adds = rest.every(({ operator }) => operator === ',');
      let term = '';
      for (const { operator, operand } of [{ operator: ',' as const, operand: first }, ...rest]) {
        const reference = referenceOf(operand, text, inventories);
        let written = text.slice(operand.offset, operand.offset + operand.length);
        if (reference !== undefined && reference !== 'several') {
          isChanged = true;
          const hosts = this.#hostsOf(reference, at);
          if (hosts === undefined) return undefined;
          const fresh = adds ? hosts.filter((host) => !seen.has(hostKey(host))) : hosts;
          if (adds) for (const host of hosts) seen.add(hostKey(host));
          spare = hosts[0];
          if (fresh.length === 0) continue;
          written = foldTargets(fresh.map((host) => ({ host })));
          if (operator !== ',' && fresh.length > 1) {
            const address = fresh.find((host) => host.includes(':'));
            if (address !== undefined) return this.#addressInside(address, operator, at);
            written = `{${written}}`;
          }
        }
        term += term === '' ? written : `${operator}${written}`;
      }
      if (term !== '') terms.push(term);
    }
    if (!isChanged) return undefined;
    // Everything is there already: an expression names something all the same.
    return terms.length === 0 ? `${spare!}&${spare!}` : terms.join(' ');
  }

  #hostsOf({ inventory, group }: Reference, at: YamlPath): readonly string[] | undefined {
    const hosts = this.#input.groups(inventory, group);
    if (hosts !== undefined && hosts.length > 0) return hosts;
    const [code, message] =
      hosts === undefined
        ? ['unknown-group', `inventory ${inventory} has no group ${group}`]
        : [
            'empty-inventory-group',
            `group ${group} of inventory ${inventory} has no host: leave it out if it may be empty`,
          ];
    this.#add(at, code, message);
    return undefined;
  }

  #addressInside(address: string, operator: string, at: YamlPath): undefined {
    const message = `the group has an IPv6 address, ${address}, and can't stand behind "${operator}": put it first`;
    this.#add(at, 'invalid-host', message);
  }

  #add(at: YamlPath, code: string, message: string): void {
    const { file, tree } = this.#input;
    this.#problems.push({ file, ...tree.place(at, 'value'), code, message });
  }
}

/** The text with comments instead of the block: paths and commands of whoever applied it are nobody's business. */
function withoutBlock(text: string, { first, end }: Block, names: readonly string[]): string {
  const lines = text.split('\n');
  for (let at = first; at < end; at++) {
    const line = lines[at]!;
    const isComment = /^\s*(?:#|\r?$)/.test(line);
    if (isComment) continue;
    const ending = line.endsWith('\r') ? '\r' : '';
    lines[at] =
      `#${at === first ? ` hosts are those that inventories had: ${names.join(', ')}` : ''}${ending}`;
  }
  return lines.join('\n');
}
