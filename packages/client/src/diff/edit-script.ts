/**
 * The shortest way from one list of lines to another, by Myers' greedy algorithm ("An O(ND) Difference Algorithm and Its
 * Variations", 1986). Pure.
 *
 * 1. Applying the edits to `before` gives `after`.
 * 2. Up to {@link maxEdits} insertions and deletions they are as few as can be; lists that differ in more are taken as a
 *    common beginning, a common end, and nothing in common between, so that time and memory stay bounded.
 */

/** Equal elements, or elements that are only in one of the lists; ranges are half open. */
export interface Edit {
  readonly kind: 'equal' | 'delete' | 'insert';
  /** In `before` for `equal` and `delete`, in `after` for `insert`. */
  readonly start: number;
  readonly end: number;
}

export const maxEdits = 2000;

export function editScript(before: readonly string[], after: readonly string[]): Edit[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const middle = middleEdits(
    before.slice(head, before.length - tail),
    after.slice(head, after.length - tail),
  );
  return joined([
    { kind: 'equal', start: 0, end: head },
    ...middle.map(({ kind, start, end }) => ({ kind, start: start + head, end: end + head })),
    { kind: 'equal', start: before.length - tail, end: before.length },
  ]);
}

function middleEdits(before: readonly string[], after: readonly string[]): Edit[] {
  const whole: Edit[] = [
    { kind: 'delete', start: 0, end: before.length },
    { kind: 'insert', start: 0, end: after.length },
  ];
  if (before.length === 0 || after.length === 0) return whole;
  const reached = furthestPoints(before, after);
  return reached === undefined ? whole : backtrack(before.length, after.length, reached);
}

/**
 * For every number of edits the furthest point on each diagonal k = x - y, at index k + edits; undefined when more than
 * {@link maxEdits} would be needed.
 */
function furthestPoints(before: readonly string[], after: readonly string[]): Int32Array[] | undefined {
  const steps: Int32Array[] = [];
  for (let edits = 0; edits <= maxEdits; edits++) {
    const last = steps.at(-1);
    const points = new Int32Array(2 * edits + 1);
    steps.push(points);
    for (let k = -edits; k <= edits; k += 2) {
      let x = last === undefined ? 0 : nextX(last, edits, k);
      let y = x - k;
      while (x < before.length && y < after.length && before[x] === after[y]) {
        x++;
        y++;
      }
      points[k + edits] = x;
      if (x >= before.length && y >= after.length) return steps;
    }
  }
  return undefined;
}

/** Where diagonal k is reached from its neighbours with one more edit: a step down (insert) or right (delete). */
function nextX(last: Int32Array, edits: number, k: number): number {
  return comesDown(last, edits, k) ? pointAt(last, edits, k + 1) : pointAt(last, edits, k - 1) + 1;
}

function comesDown(last: Int32Array, edits: number, k: number): boolean {
  return k === -edits || (k !== edits && pointAt(last, edits, k - 1) < pointAt(last, edits, k + 1));
}

/** A point of the step before the one with that many edits. */
function pointAt(last: Int32Array, edits: number, k: number): number {
  return last[k + edits - 1]!;
}

function backtrack(beforeLength: number, afterLength: number, steps: readonly Int32Array[]): Edit[] {
  const reversed: Edit[] = [];
  let x = beforeLength;
  let y = afterLength;
  for (let edits = steps.length - 1; edits > 0; edits--) {
    const last = steps[edits - 1]!;
    const k = x - y;
    const down = comesDown(last, edits, k);
    const fromX = down ? pointAt(last, edits, k + 1) : pointAt(last, edits, k - 1);
    const fromY = fromX - (down ? k + 1 : k - 1);
    const [startX, startY] = down ? [fromX, fromY + 1] : [fromX + 1, fromY];
    reversed.push({ kind: 'equal', start: startX, end: x });
    reversed.push(
      down ? { kind: 'insert', start: fromY, end: startY } : { kind: 'delete', start: fromX, end: startX },
    );
    [x, y] = [fromX, fromY];
  }
  reversed.push({ kind: 'equal', start: 0, end: x });
  return reversed.reverse();
}

/** Neighbours of one kind as one; deletions before insertions between two equal ranges; none that is empty. */
function joined(edits: readonly Edit[]): Edit[] {
  const result: Edit[] = [];
  let pending: { delete?: Edit; insert?: Edit } = {};
  const flush = () => {
    if (pending.delete) result.push(pending.delete);
    if (pending.insert) result.push(pending.insert);
    pending = {};
  };
  for (const edit of edits) {
    if (edit.start === edit.end) continue;
    if (edit.kind === 'equal') {
      flush();
      const last = result.at(-1);
      if (last?.kind === 'equal') result[result.length - 1] = { ...last, end: edit.end };
      else result.push(edit);
    } else {
      const before = pending[edit.kind];
      pending[edit.kind] = before === undefined ? edit : { ...before, end: edit.end };
    }
  }
  flush();
  return result;
}
