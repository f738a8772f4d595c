/**
 * Values of parameters in a shell string.
 *
 * 1. A value is always literal text there: whatever it is, the shell reads the same words, operators and quotes as with any
 *    other value, and its bytes as they are.
 * 2. So a reference is put into single quotes in a way that suits where it stands: outside of quotes, inside of double
 *    quotes, or inside of single quotes.
 * 3. Where that is not certain for every shell that may be a host's /bin/sh (dash, bash, BusyBox, ksh), the reference is
 *    refused: the text is read only as far as its quotes can be told without reading it as a whole program. A parameter can
 *    always be given to a variable in the beginning: `service={{service}}; …`.
 *
 * What a program does with its arguments is its own business: `eval {{text}}` runs the value.
 */
import type { Reference, Template } from './template.js';

type Quotes = 'none' | 'single' | 'double';

export type ShellTemplate =
  | { readonly ok: true; readonly template: Template; readonly quotes: ReadonlyMap<Reference, Quotes> }
  | { readonly ok: false; readonly reference: Reference; readonly reason: string };

/** Finds the quotes around each reference. */
export function parseShellTemplate(template: Template): ShellTemplate {
  const reader = new ShellReader();
  const quotes = new Map<Reference, Quotes>();
  for (const piece of template) {
    if (piece.kind === 'text') {
      reader.read(piece.text);
      continue;
    }
    const found = reader.reference();
    if (!found.ok) return { ok: false, reference: piece, reason: found.reason };
    quotes.set(piece, found.quotes);
  }
  return { ok: true, template, quotes };
}

/** The text with values in the place of references (1). */
export function renderShell(
  { template, quotes }: Extract<ShellTemplate, { ok: true }>,
  valueOf: (name: string) => string,
): string {
  const piece = (part: Template[number]) => {
    if (part.kind === 'text') return part.text;
    const escaped = valueOf(part.name).replaceAll("'", "'\\''");
    switch (quotes.get(part)!) {
      case 'none':
        return `'${escaped}'`;
      case 'double':
        return `"'${escaped}'"`;
      case 'single':
        return escaped;
    }
  };
  return template.map(piece).join('');
}

/** `${name}` and the like, in which nothing is quoted. */
const plainExpansion = /\{(?:#?[A-Za-z_][A-Za-z0-9_]*|[0-9@*?!-])\}/y;

/** Follows quotes through a text (3). */
class ShellReader {
  #quotes: Quotes | 'comment' = 'none';
  /** Why it can't be told any more where quotes begin and end. */
  #doubt: string | undefined;
  #escaped = false;
  /** The character before, '' in the beginning; after something that is read as a whole: its last. */
  #before = '';
  /** A `#` here would begin a comment. */
  #wordBegins = true;

  reference(): { ok: true; quotes: Quotes } | { ok: false; reason: string } {
    const quotes = this.#quotes;
    const refuse = (reason: string) => ({ ok: false, reason }) as const;
    if (this.#doubt !== undefined) return refuse(`it stands behind ${this.#doubt}`);
    if (quotes === 'comment') return refuse('it stands in a comment');
    if (this.#escaped) return refuse('a backslash stands before it');
    if (quotes !== 'single' && this.#before === '$') return refuse('a "$" stands before it');
    this.#before = 'x';
    this.#wordBegins = false;
    return { ok: true, quotes };
  }

  read(text: string): void {
    for (let at = 0; at < text.length && this.#doubt === undefined; at++) {
      const character = text[at]!;
      switch (this.#quotes) {
        case 'comment':
          this.#inComment(character);
          break;
        case 'single':
          if (character === "'") this.#quotes = 'none';
          break;
        case 'double':
        case 'none': {
          const skipped = this.#expansionAt(text, at);
          if (skipped > 0) {
            at += skipped;
            this.#after('}');
          } else if (this.#quotes === 'double') this.#inDouble(character);
          else this.#outside(character);
        }
      }
    }
  }

  #inComment(character: string): void {
    if (character === '\n') {
      this.#quotes = 'none';
      this.#after(character);
    } else if (`'"\`\\`.includes(character)) this.#doubt = 'a quote or a backslash in a comment';
  }

  #inDouble(character: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (character === '\\') this.#escaped = true;
    else if (character === '"') this.#quotes = 'none';
    else if (character === '`') this.#doubt = 'a "`"';
    else if (this.#before === '$' && '([{'.includes(character)) {
      this.#doubt = `a "$${character}" inside of double quotes`;
    } else {
      this.#before = character;
      return;
    }
    this.#before = '';
  }

  #outside(character: string): void {
    const before = this.#before;
    if (this.#escaped) {
      this.#escaped = false;
      // A line that goes on: what follows belongs to what was before, and whether a `#` begins a word is not looked into.
      if (character === '\n') this.#before = '\\\n';
      else this.#after('x');
      return;
    }
    if (character === '#' && (before === '\\\n' || before > '\x7e')) this.#doubt = 'a "#" in an odd place';
    else if (character === '#' && this.#wordBegins) this.#quotes = 'comment';
    else if (character === '\\') this.#escaped = true;
    else if (character === '`') this.#doubt = 'a "`"';
    else if (character === '<' && before === '<') this.#doubt = 'a "<<"';
    else if (character === '(' && before === '(') this.#doubt = 'a "(("';
    else if (character === '[' && /[A-Za-z0-9_$[]/.test(before)) this.#doubt = `a "${before}["`;
    else if (character === '{' && before === '$') this.#doubt = 'a "${" with more than a name';
    else if (character === "'" || character === '"') {
      if (before === '$') this.#doubt = `a "$${character}"`;
      this.#quotes = character === "'" ? 'single' : 'double';
      this.#after('x');
    } else this.#after(character);
  }

  #after(character: string): void {
    this.#before = character;
    this.#wordBegins = /[ \t\n;&|()<>]/.test(character);
  }

  /** How many characters a plain expansion whose `$` was read before takes, less one; 0: none is here. */
  #expansionAt(text: string, at: number): number {
    if (this.#before !== '$' || this.#escaped || text[at] !== '{') return 0;
    plainExpansion.lastIndex = at;
    const match = plainExpansion.exec(text);
    return match === null ? 0 : match[0].length - 1;
  }
}
