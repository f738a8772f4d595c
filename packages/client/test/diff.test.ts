import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edit, editScript, maxEdits } from '../src/diff/edit-script.js';
import { unifiedDiff } from '../src/diff/unified-diff.js';

function applied(before: readonly string[], after: readonly string[], edits: readonly Edit[]): string[] {
  return edits.flatMap(({ kind, start, end }) =>
    kind === 'delete' ? [] : (kind === 'insert' ? after : before).slice(start, end),
  );
}

/** Insertions and deletions. */
function cost(edits: readonly Edit[]): number {
  return edits.reduce((sum, { kind, start, end }) => sum + (kind === 'equal' ? 0 : end - start), 0);
}

/** The fewest that there can be, by the longest common subsequence. */
function leastCost(before: readonly string[], after: readonly string[]): number {
  let row = Array.from({ length: after.length + 1 }, () => 0);
  for (const line of before) {
    const next = [0];
    for (const [index, other] of after.entries()) {
      next.push(line === other ? row[index]! + 1 : Math.max(row[index + 1]!, next[index]!));
    }
    row = next;
  }
  return before.length + after.length - 2 * row.at(-1)!;
}

const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 24 });

describe('the edits between two lists of lines', () => {
  it('make the one into the other, cover both, and are as few as can be', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const edits = editScript(before, after);
        expect(applied(before, after, edits)).toEqual(after);
        const kept = edits.flatMap(({ kind, start, end }) =>
          kind === 'insert' ? [] : before.slice(start, end),
        );
        expect(kept).toEqual(before);
        expect(cost(edits)).toBe(leastCost(before, after));
      }),
      { numRuns: 1000 },
    );
  });

  it('are bounded for lists that have little in common, and still right', () => {
    const before = Array.from({ length: 3 * maxEdits }, (_, index) => `before ${index}`);
    const after = Array.from({ length: 3 * maxEdits }, (_, index) =>
      index % 2 === 0 ? `before ${index}` : `after ${index}`,
    );
    after[0] = 'before 0';
    const edits = editScript(before, after);
    expect(applied(before, after, edits)).toEqual(after);
    expect(edits[0]).toEqual({ kind: 'equal', start: 0, end: 1 });
  });
});

describe('a unified diff', () => {
  const names = { before: 'a', after: 'b' };
  const text = (diff: ReturnType<typeof unifiedDiff>) =>
    Buffer.concat(diff.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));

  it('reads as everybody knows it', () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`);
    const after = before.with(2, 'changed\n').toSpliced(17, 1);
    expect(
      text(unifiedDiff(Buffer.from(before.join('')), Buffer.from(after.join('')), names)).toString(),
    ).toBe(
      `--- a
+++ b
@@ -1,6 +1,6 @@
 line 1
 line 2
-line 3
+changed
 line 4
 line 5
 line 6
@@ -15,6 +15,5 @@
 line 15
 line 16
 line 17
-line 18
 line 19
 line 20
`,
    );
  });

  it('is nothing for equal texts, and whole for an empty one', () => {
    expect(unifiedDiff(Buffer.from('x\n'), Buffer.from('x\n'), names)).toEqual([]);
    expect(text(unifiedDiff(Buffer.alloc(0), Buffer.from('x'), names)).toString()).toBe(
      '--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n',
    );
  });

  it('says how to make the other text, byte for byte', () => {
    const line = fc.oneof(
      fc.constantFrom('a\n', 'b\n', 'c\n', '-\n', '+ x\n', '\r\n'),
      fc.constantFrom('\x80\xff\n', ' \n'),
    );
    const body = fc
      .tuple(fc.array(line, { maxLength: 40 }), fc.boolean())
      .map(([parts, cut]) => Buffer.from(cut ? parts.join('').slice(0, -1) : parts.join(''), 'latin1'));
    fc.assert(
      fc.property(body, body, (before, after) => {
        const diff = unifiedDiff(before, after, names);
        expect(diff.length === 0).toBe(before.equals(after));
        if (diff.length > 0) expect(patched(before, text(diff))).toBe(after.toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });
});

/** Applies a unified diff by its hunk headers, as a reader of it would. */
function patched(before: Buffer, diff: Buffer): string {
  const source = before
    .toString('latin1')
    .split(/(?<=\n)/)
    .filter(Boolean);
  const result: string[] = [];
  let position = 0;
  let last: string[] | undefined;
  for (const line of diff.toString('latin1').split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/.exec(line);
    if (hunk) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      result.push(...source.slice(position, start));
      expect(result.length).toBe(Number(hunk[3]) - (hunk[4] === '0' ? 0 : 1));
      position = start;
      last = undefined;
    } else if (line.startsWith('\\')) {
      if (last !== undefined) last[0] = last[0]!.slice(0, -1);
      if (last !== undefined && last[1] === '+') result[result.length - 1] = last[0]!;
    } else {
      const content = `${line.slice(1)}\n`;
      last = [content, line[0]!];
      if (line[0] !== '+') {
        const expected = source[position++]!;
        expect(expected.replace(/\n?$/, '\n')).toBe(content);
        if (line[0] === ' ') result.push(expected);
      } else result.push(content);
    }
  }
  result.push(...source.slice(position));
  return result.join('');
}
