/** Two texts as a unified diff, in the form that `diff -u` gives. Lines are bytes: nothing is decoded. Pure. */
import { type Edit, editScript } from './edit-script.js';

export interface DiffNames {
  readonly before: string;
  readonly after: string;
}

export interface DiffLine {
  readonly kind: 'header' | 'hunk' | 'equal' | 'delete' | 'insert' | 'note';
  /** With its first character, without a line feed. */
  readonly bytes: Buffer;
}

/** Equal lines that are shown around what differs. */
const contextLines = 3;

/** None for equal texts. */
export function unifiedDiff(before: Buffer, after: Buffer, names: DiffNames): DiffLine[] {
  const [one, other] = [linesOf(before), linesOf(after)];
  const hunks = hunksOf(editScript(one, other));
  if (hunks.length === 0) return [];
  const lines: DiffLine[] = [
    { kind: 'header', bytes: Buffer.from(`--- ${names.before}`) },
    { kind: 'header', bytes: Buffer.from(`+++ ${names.after}`) },
  ];
  for (const hunk of hunks) {
    lines.push({ kind: 'hunk', bytes: Buffer.from(hunkHeader(hunk)) });
    for (const { kind, start, end } of hunk.edits) {
      const source = kind === 'insert' ? other : one;
      for (const line of source.slice(start, end)) lines.push(...lineOf(kind, line));
    }
  }
  return lines;
}

const marks = { equal: ' ', delete: '-', insert: '+' } as const;

function lineOf(kind: Edit['kind'], line: string): DiffLine[] {
  const complete = line.endsWith('\n');
  const bytes = Buffer.from(`${marks[kind]}${complete ? line.slice(0, -1) : line}`, 'latin1');
  return [
    { kind, bytes },
    ...(complete ? [] : [{ kind: 'note' as const, bytes: Buffer.from('\\ No newline at end of file') }]),
  ];
}

/** One character a byte; every line with its line feed, if it has one. */
function linesOf(text: Buffer): string[] {
  const lines = text.toString('latin1').split(/(?<=\n)/);
  return lines.length === 1 && lines[0] === '' ? [] : lines;
}

interface Range {
  /** Counted from 0. */
  readonly start: number;
  readonly count: number;
}

interface Hunk {
  readonly edits: readonly Edit[];
  readonly before: Range;
  readonly after: Range;
}

/** Changes with their context; two whose contexts touch are one hunk. */
function hunksOf(edits: readonly Edit[]): Hunk[] {
  if (edits.every(({ kind }) => kind === 'equal')) return [];
  const groups: Edit[][] = [[]];
  for (const [index, edit] of edits.entries()) {
    const current = groups.at(-1)!;
    const [first, last] = [index === 0, index === edits.length - 1];
    if (edit.kind !== 'equal' || (!first && !last && edit.end - edit.start <= 2 * contextLines)) {
      current.push(edit);
      continue;
    }
    if (!first) current.push({ ...edit, end: Math.min(edit.end, edit.start + contextLines) });
    const next = { ...edit, start: Math.max(edit.start, edit.end - contextLines) };
    if (first) current.push(next);
    else if (!last) groups.push([next]);
  }
  let shift = 0;
  return groups.map((group) => {
    const hunk = hunkOf(group, shift);
    shift += hunk.after.count - hunk.before.count;
    return hunk;
  });
}

/** @param shift lines that `after` has more than `before` in front of the hunk */
function hunkOf(edits: readonly Edit[], shift: number): Hunk {
  const count = (...kinds: Edit['kind'][]) =>
    edits.filter(({ kind }) => kinds.includes(kind)).reduce((sum, { start, end }) => sum + end - start, 0);
  const [first] = edits as [Edit];
  const start = first.kind === 'insert' ? first.start - shift : first.start;
  return {
    edits,
    before: { start, count: count('equal', 'delete') },
    after: { start: start + shift, count: count('equal', 'insert') },
  };
}

function hunkHeader({ before, after }: Hunk): string {
  return `@@ -${rangeText(before)} +${rangeText(after)} @@`;
}

/** Lines are counted from 1; an empty range is named by the line before it. */
function rangeText({ start, count }: Range): string {
  const line = count === 0 ? start : start + 1;
  return count === 1 ? String(line) : `${line},${count}`;
}
