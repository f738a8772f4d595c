/**
 * Reads YAML that people write into plain values whose places in the text stay known.
 *
 * 1. Never throws, whatever the text. Time and memory are linear in it: nesting and pieces are counted while they are
 *    read, and reading stops at the limit.
 * 2. What YAML leaves to chance is refused: duplicate keys, aliases (and with them what they could multiply to), tags of
 *    one's own, more than one document.
 * 3. Keys are texts as they are written: `01` is "01". So is every value, where that is asked for.
 */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type YAMLError,
} from 'yaml';

/** Line and column, from 1; a column counts UTF-16 code units. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export interface YamlProblem extends TextPlace {
  readonly code: 'yaml-syntax' | 'yaml-alias' | 'yaml-too-complex' | 'duplicate-key' | 'invalid-name';
  readonly message: string;
}

export type YamlPath = readonly (string | number)[];

/** Whether `1.10` is the number 1.1 or the text "1.10"; what is in quotes is a text in any case. */
export type ScalarReading = 'typed' | 'as-written';

export interface YamlTree {
  /** Maps, lists, texts; numbers, truth values and null where scalars are typed. */
  readonly value: unknown;
  /** Whether there is nothing in the text. */
  readonly isEmpty: boolean;
  /**
   * The place of what is at the path, or else of the nearest thing around it that is there: its key, or its value, there
   * at an offset into its text. A key is found in a list of maps, too.
   */
  place(path: YamlPath, at: 'key' | 'value', offset?: number): TextPlace;
  /** Where the value at the path begins and ends in the text, in UTF-16 code units; undefined where there is none. */
  range(path: YamlPath): { readonly start: number; readonly end: number } | undefined;
}

export type ReadYaml =
  | { readonly ok: true; readonly tree: YamlTree }
  | { readonly ok: false; readonly problems: readonly YamlProblem[] };

/** Deepest nesting, counted in the parser's own steps: two or three for one level of the text. */
const maxDepth = 64;
/** Most pieces of a text, each a word, a sign, a space or a line's end: more than 100,000 lines of a list have. */
const maxPieces = 1_000_000;
/** Most problems that are told of: one mistake can have many consequences. */
const maxProblems = 10;

export function readYaml(text: string, scalars: ScalarReading = 'typed'): ReadYaml {
  const lines = new LineCounter();
  const at = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const documents = compose(text, lines, scalars);
  if (typeof documents === 'number') {
    const message = `more than anybody would write by hand: at most ${maxDepth / 2} levels and ${maxPieces} words and signs`;
    return { ok: false, problems: [{ ...at(documents), code: 'yaml-too-complex', message }] };
  }
  const [document, second] = documents;
  // What comes behind a mistake is mostly its consequence; a value that begins with a wrong sign has none.
  const faults = [...(document?.errors ?? []), ...(document?.warnings ?? [])].filter(
    ({ code }, index) => index === 0 || code === 'BAD_SCALAR_START',
  );
  if (faults.length > 0 || document === undefined) {
    const problems = faults.slice(0, maxProblems).map((fault) => syntaxProblem(fault, at(fault.pos[0])));
    return { ok: false, problems };
  }
  if (second !== undefined) {
    const place = at(second.range?.[0] ?? 0);
    const message = 'a second document begins here: a file has one';
    return { ok: false, problems: [{ ...place, code: 'yaml-syntax', message }] };
  }
  const root = document.contents;
  const reader = new ValueReader(at);
  const value = root === null ? null : reader.valueOf(root);
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems };
  const place: YamlTree['place'] = (path, part, offset) => at(findOffset(root, path, part, { text, offset }));
  const isEmpty = root === null || (isScalar(root) && (root.value === null || root.source === ''));
  const range: YamlTree['range'] = (path) => rangeOf(root, path);
  return { ok: true, tree: { value, isEmpty, place, range } };
}

/** The documents of a text; where it becomes too large or too deep, that offset. */
function compose(text: string, lines: LineCounter, scalars: ScalarReading): Document.Parsed[] | number {
  const { stackTraceLimit } = Error;
  // A damaged text can have an error for each of its characters, and nobody looks at their stacks.
  Error.stackTraceLimit = 0;
  try {
    const documents: Document.Parsed[] = [];
    const composer = new Composer({
      schema: scalars === 'typed' ? 'core' : 'failsafe',
      uniqueKeys: false,
      resolveKnownTags: false,
      logLevel: 'silent',
    });
    const parser = new Parser(lines.addNewLine);
    lines.addNewLine(0);
    let [pieces, errors] = [0, 0];
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) {
        documents.push(...composer.next(token));
        if (token.type === 'error') errors += 1;
      }
      // The first document is complete when a second one begins. Neither case will be accepted: no need to read on.
      if (documents.length > 0 || errors > maxProblems)
        return [...documents, ...composer.end(true, text.length)];
      if (++pieces > maxPieces || parser.stack.length > maxDepth) return parser.offset;
    }
    for (const token of parser.end()) documents.push(...composer.next(token));
    documents.push(...composer.end(true, text.length));
    return documents;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function syntaxProblem({ code, message }: YAMLError, place: TextPlace): YamlProblem {
  const hint = code === 'BAD_SCALAR_START' ? ': an expression that begins with such a sign needs quotes' : '';
  return { ...place, code: 'yaml-syntax', message: `not valid YAML: ${printable(message)}${hint}` };
}

/** The text on one line, short, and harmless on a terminal. */
export function printable(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/[^\x20-\x7e]/g, '?');
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

/** Turns nodes into values; recursion is bounded by the depth of the tree. */
class ValueReader {
  readonly problems: YamlProblem[] = [];
  readonly #at: (offset: number) => TextPlace;

  constructor(at: (offset: number) => TextPlace) {
    this.#at = at;
  }

  valueOf(node: Node | null): unknown {
    if (node === null) return null;
    if (isScalar(node)) return node.value;
    if (isSeq<Node | null>(node)) return node.items.map((item) => this.valueOf(item));
    if (isMap<Node, Node | null>(node)) return this.#mapOf(node.items);
    if (isAlias(node)) {
      const name = `"*${printable(node.source)}"`;
      const message = `${name} is a YAML alias, and none is read here: an expression that begins with "*" needs quotes`;
      this.#add(node, 'yaml-alias', message);
    }
    return null;
  }

  #mapOf(pairs: readonly { readonly key: Node; readonly value: Node | null }[]): unknown {
    const entries = new Map<string, unknown>();
    for (const { key, value } of pairs) {
      const name = keyText(key);
      if (name === undefined)
        this.#add(key, 'yaml-syntax', 'a key is one word or text, and neither list nor map');
      else if (name === '__proto__') this.#add(key, 'invalid-name', '"__proto__" cannot be a name');
      else if (entries.has(name)) {
        const message = `"${printable(name)}" is here already: put everything that belongs to it into one place`;
        this.#add(key, 'duplicate-key', message);
      } else entries.set(name, this.valueOf(value));
    }
    return Object.fromEntries(entries);
  }

  #add(node: Node, code: YamlProblem['code'], message: string): void {
    if (this.problems.length < maxProblems)
      this.problems.push({ ...this.#at(node.range?.[0] ?? 0), code, message });
  }
}

/** A key as it is written. */
function keyText(key: Node | null): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

interface Inside {
  readonly text: string;
  readonly offset: number | undefined;
}

function findOffset(root: Node | null, path: YamlPath, part: 'key' | 'value', inside: Inside): number {
  let node = root;
  let found = root;
  for (const [index, step] of path.entries()) {
    const pair = childOf(node, step);
    if (pair === undefined) break;
    const last = index === path.length - 1;
    found = pair.value === null || (last && part === 'key') ? (pair.key ?? pair.value) : pair.value;
    node = pair.value;
  }
  const start = found?.range?.[0] ?? 0;
  if (inside.offset === undefined || !isScalar(found) || typeof found.value !== 'string') return start;
  // Where the text is written as it is read, an offset into one is an offset into the other.
  const quotes = found.type === 'PLAIN' ? 0 : 1;
  return inside.text.startsWith(found.value, start + quotes) ? start + quotes + inside.offset : start;
}

function rangeOf(root: Node | null, path: YamlPath): ReturnType<YamlTree['range']> {
  let node = root;
  for (const step of path) node = childOf(node, step)?.value ?? null;
  const range = node?.range;
  return range ? { start: range[0], end: range[1] } : undefined;
}

function childOf(
  node: Node | null,
  step: string | number,
): { readonly key: Node | null; readonly value: Node | null } | undefined {
  if (isMap<Node, Node | null>(node)) return node.items.find(({ key }) => keyText(key) === step);
  if (!isSeq<Node | null>(node)) return undefined;
  if (typeof step === 'number') {
    const value = node.items[step];
    return value === undefined ? undefined : { key: value, value };
  }
  for (const item of node.items) {
    const found = childOf(item, step);
    if (found !== undefined) return found;
  }
  return undefined;
}
