/**
 * Reads a target expression (docs: scheduling, "Target expressions") into a tree, without expanding anything.
 *
 * 1. Never throws, whatever the text; a fault's offset lies inside of it.
 * 2. Time and memory are linear in the text.
 * 3. `,` `!` `&` `^` have one rank and go from left to right, as in ClusterShell: `a,b,c!b` is a,c. White space that
 *    isn't next to one of them is union too, and binds loosest: `a b!b` is a. So reading a comma never makes an
 *    expression name more hosts than the operand order shows. Inside of a range's brackets white space means nothing.
 * 4. A colon inside of the leading brackets makes them an IPv6 address, `[::1]:22022`; a bare operand with two or more
 *    colons is an IPv6 address without a port, `fe80::1%eth0`; one colon begins a port. Ranges have no colons. Digits
 *    of a range in an address count in tens, as text: `fe80::[8-11]` ends in 8, 9, 10 and 11.
 * 5. `user@` and `:port` belong to every host of the pattern between them: `admin@web[1-3]:22022`.
 */
import {
  operators,
  type Operand,
  type Operator,
  type Pattern,
  type TargetExpression,
  type Term,
} from './expression.js';
import { PatternReader } from './parse-pattern.js';
import { formatCount, quoted, type TargetError } from './target-error.js';
import { isHost, isTargetUser } from './target.js';

/** Longest expression, and longest file of expressions, in characters. */
export const maxExpressionLength = 32 * 1024 * 1024;

export type ParsedTargets =
  | { readonly ok: true; readonly expression: TargetExpression }
  | { readonly ok: false; readonly error: TargetError };

/** Reads an expression; {@link filesNeeded} lists what must be read before it can be expanded. */
export function parseTargets(text: string): ParsedTargets {
  const parser = new Parser(text);
  const terms = parser.expression();
  return terms === undefined
    ? { ok: false, error: parser.failure! }
    : { ok: true, expression: { text, terms } };
}

const space = /\s+/y;
const userPrefix = /[^\s,!&^@:"[\]{}]*@/y;
const plainHost = /[A-Za-z0-9_][A-Za-z0-9_.-]*(?=[\s,!&^]|$)/y;
const port = /\d+/y;
const barePath = /[^\s,!&^"]+/y;
const delimiter = /[\s,!&^]/;
const anOperand = 'a host, a pattern such as web[1-3], a group such as @frontend, @file:PATH or -';

class Parser extends PatternReader {
  expression(): Term[] | undefined {
    if (this.text.length > maxExpressionLength) {
      const expected = `an expression of at most ${formatCount(maxExpressionLength)} characters`;
      const found = `${formatCount(this.text.length)} characters`;
      return this.fail({ code: 'expression-too-long', offset: maxExpressionLength, expected, found });
    }
    this.take(space);
    if (this.position === this.text.length)
      return this.fail({ code: 'empty-expression', expected: anOperand });
    const terms: Term[] = [];
    while (this.position < this.text.length) {
      const term = this.term();
      if (term === undefined) return undefined;
      terms.push(term);
    }
    return terms;
  }

  private term(): Term | undefined {
    const first = this.operand();
    if (first === undefined) return undefined;
    const rest: { operator: Operator; operand: Operand }[] = [];
    for (;;) {
      this.take(space);
      const operator = operators.find((candidate) => candidate === this.text[this.position]);
      if (operator === undefined) return { first, rest };
      this.position++;
      this.take(space);
      const operand = this.operand();
      if (operand === undefined) return undefined;
      rest.push({ operator, operand });
    }
  }

  private operand(): Operand | undefined {
    const offset = this.position;
    if (!this.spend()) return undefined;
    const host = this.take(plainHost);
    if (host !== undefined && isHost(host)) return { kind: 'host', offset, length: host.length, host };
    this.position = offset;
    if (this.atDelimiter()) return this.fail({ code: 'missing-operand', expected: anOperand });
    if (this.text[offset] === '@') return this.group();
    if (this.text[offset] === '-') {
      this.position++;
      if (this.atDelimiter()) return { kind: 'file', offset, length: 1, path: '-' };
      this.position = offset;
    }
    return this.hosts();
  }

  private atDelimiter(): boolean {
    return this.position >= this.text.length || delimiter.test(this.text[this.position]!);
  }

  /** Whether the operand ends here; fails otherwise. */
  private ends(expected: string): boolean {
    if (this.atDelimiter()) return true;
    this.fail({
      code: 'unexpected-character',
      expected: hintFor(this.characterHere()) ?? expected,
      found: quoted(this.characterHere()),
    });
    return false;
  }

  private characterHere(): string {
    const codePoint = this.text.codePointAt(this.position);
    return codePoint === undefined ? '' : String.fromCodePoint(codePoint);
  }

  private hosts(): Operand | undefined {
    const offset = this.position;
    const prefix = this.take(userPrefix);
    const user = prefix?.slice(0, -1);
    if (user !== undefined && !isTargetUser(user)) {
      const expected =
        'an account name of letters, digits, ".", "_", "+", "$", "\\" or "-" before "@", not beginning with "-"';
      return this.fail({ code: 'invalid-user', offset, length: Math.max(1, user.length), expected });
    }
    const patternAt = this.position;
    const shape = this.shape();
    const pattern = shape === 'bracketed' ? this.bracketedAddress() : this.bare(shape);
    if (pattern === undefined) return undefined;
    const patternLength = this.position - patternAt;
    const place = { ...(user === undefined ? {} : { user }) };
    let number: number | undefined;
    if (this.text[this.position] === ':') {
      number = this.port();
      if (number === undefined) return undefined;
    }
    if (!this.ends(expectedAfter(shape, number))) return undefined;
    const addressed = { ...place, ...(number === undefined ? {} : { port: number }) };
    const length = this.position - offset;
    if (pattern.count !== 1 || pattern.wildcard || pattern.parts.some((part) => part.kind !== 'text')) {
      return { kind: 'pattern', offset, length, pattern, ...addressed };
    }
    const host = pattern.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
    if (!isHost(host)) {
      return this.fail({
        code: 'invalid-host',
        offset: patternAt,
        length: patternLength,
        expected: expectedHost(host),
      });
    }
    return { kind: 'host', offset, length, host, ...addressed };
  }

  /** What the colons of the operand make of it (4). */
  private shape(): 'bracketed' | 'address' | 'host' {
    let colons = 0;
    let depth = 0;
    let leading = this.text[this.position] === '[';
    for (let at = this.position; at < this.text.length; at++) {
      const character = this.text[at]!;
      if (character === '[' || character === '{') depth++;
      else if (character === ']' || character === '}') {
        depth--;
        leading &&= depth > 0;
      } else if (character === ':') {
        if (leading) return 'bracketed';
        if (depth <= 0) colons++;
      } else if (depth <= 0 && delimiter.test(character)) break;
    }
    return colons > 1 ? 'address' : 'host';
  }

  private bare(shape: 'address' | 'host'): Pattern | undefined {
    const pattern = this.pattern(shape);
    if (pattern === undefined || pattern.parts.length > 0) return pattern;
    const found = quoted(this.characterHere());
    const expected = hintFor(this.characterHere()) ?? anOperand;
    return this.fail({
      code: this.atDelimiter() ? 'missing-operand' : 'unexpected-character',
      expected,
      found,
    });
  }

  private bracketedAddress(): Pattern | undefined {
    const opened = this.position++;
    const pattern = this.pattern('address');
    if (pattern === undefined) return undefined;
    if (this.text[this.position] !== ']') {
      return this.fail({
        code: this.position === this.text.length ? 'unclosed-bracket' : 'unexpected-character',
        expected: `an IPv6 address, and "]" for the "[" at position ${opened + 1}`,
      });
    }
    this.position++;
    return pattern;
  }

  private port(): number | undefined {
    this.position++;
    const offset = this.position;
    const text = this.take(port);
    const expected = 'a port from 1 to 65535';
    if (text === undefined) return this.fail({ code: 'invalid-port', expected });
    const number = text.length > 5 ? Infinity : Number(text);
    if (number >= 1 && number <= 65535) return number;
    return this.fail({ code: 'invalid-port', offset, length: text.length, expected });
  }

  private group(): Operand | undefined {
    const offset = this.position++;
    if (this.text.startsWith('file:', this.position)) return this.file(offset);
    if (this.text[this.position] === '*') {
      this.position++;
      if (!this.ends('the end of "@*"')) return undefined;
      return { kind: 'everything', offset, length: 2 };
    }
    const name = this.groupName('the name of an app or an environment, or "*" for every known host');
    if (name === undefined) return undefined;
    if (this.text[this.position] !== ':') {
      if (!this.ends('":" and an environment value, or the end of the group')) return undefined;
      return { kind: 'app', offset, length: this.position - offset, name };
    }
    this.position++;
    const value = this.groupName('the value of the environment');
    if (value === undefined) return undefined;
    if (!this.ends('the end of the group: a group takes neither account nor port')) return undefined;
    return { kind: 'environment', offset, length: this.position - offset, type: name, value };
  }

  private groupName(expected: string): Pattern | undefined {
    const pattern = this.pattern('group');
    if (pattern === undefined || pattern.parts.length > 0) return pattern;
    return this.fail({ code: this.atDelimiter() ? 'missing-operand' : 'unexpected-character', expected });
  }

  private file(offset: number): Operand | undefined {
    this.position += 'file:'.length;
    const opened = this.position;
    let path: string | undefined;
    if (this.text[this.position] === '"') {
      const closed = this.text.indexOf('"', opened + 1);
      if (closed < 0) {
        this.position = this.text.length;
        return this.fail({ code: 'unclosed-quote', expected: `'"' for the one at position ${opened + 1}` });
      }
      path = this.text.slice(opened + 1, closed);
      this.position = closed + 1;
    } else path = this.take(barePath);
    if (path === undefined || path === '') {
      return this.fail({
        code: 'missing-path',
        offset: opened,
        expected: 'the path of a file of hosts, in double quotes if it has spaces',
      });
    }
    if (!this.ends('the end of the path; put a path with such characters in double quotes')) return undefined;
    return { kind: 'file', offset, length: this.position - offset, path };
  }
}

function expectedAfter(shape: 'bracketed' | 'address' | 'host', portNumber: number | undefined): string {
  if (portNumber !== undefined) return 'nothing more after the port';
  if (shape === 'bracketed') return '":" and a port, or the end of the host';
  return 'letters, digits, ".", "-" or "_", a range, alternatives, or the end of the host';
}

/** What a valid host would have been instead of this text. */
export function expectedHost(host: string): string {
  if (host.includes(':')) {
    return 'an IPv6 address; with a port it is written [ADDRESS]:PORT, and a name has at most one colon';
  }
  if (host.length > 253) return 'a host name of at most 253 characters';
  if (host.startsWith('-')) return 'a host name, which never begins with "-"';
  return 'a host name that begins with a letter, a digit or "_" and has no empty label between its dots';
}

function hintFor(character: string): string | undefined {
  if (character === '(' || character === ')')
    return 'no parentheses: operators go from left to right, white space separates terms';
  if (character === '#') return 'no comment here: comments are for files of hosts';
  if (character === '/') return 'a host name; a file of hosts is @file:PATH';
  if (character === '%') return 'no zone here: only an IPv6 address has one';
  if (character === ']' || character === '}') return `no "${character}" here, as nothing is open`;
  if (character === '@') return 'one account before the host, as in admin@web1';
  if (character > '\x7f') return 'ASCII; an internationalised name is written in its xn-- form';
  return undefined;
}
