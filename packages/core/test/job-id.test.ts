import {
  createState,
  decideAccept,
  defaultNamespace,
  firstJobOf,
  formatJobId,
  jobsPerNamespace,
  maxNamespaces,
  namespaceNumberOf,
  parseJobId,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { submission } from './job-fixture.js';

const namespaceNumber = fc.integer({ min: 0, max: maxNamespaces - 1 });
/** Of a job within its namespace. */
const serial = fc.integer({ min: 1, max: jobsPerNamespace - 1 });

describe('A job number', () => {
  it('says which namespace it belongs to, and survives being written down', () => {
    fc.assert(
      fc.property(namespaceNumber, serial, (number, at) => {
        const job = firstJobOf(number) + at - 1;
        expect(namespaceNumberOf(job)).toBe(number);
        expect(formatJobId(job)).toHaveLength(11);
        expect(parseJobId(formatJobId(job))).toBe(job);
      }),
    );
  });

  it('belongs to one namespace: two never share one', () => {
    fc.assert(
      fc.property(namespaceNumber, serial, namespaceNumber, serial, (one, at, other, otherAt) => {
        const isSame = firstJobOf(one) + at === firstJobOf(other) + otherAt;
        expect(isSame).toBe(one === other && at === otherAt);
      }),
    );
  });

  it('is the one that it was before there were several namespaces, in default', () => {
    expect(formatJobId(firstJobOf(defaultNamespace.number) + 11)).toBe('p0000000012');
    expect(formatJobId(firstJobOf(1) + 11)).toBe('p0100000012');
    expect(createState().nextJob).toBe(1);
  });

  it("counts on from the namespace's first", () => {
    const state = createState(undefined, { firstJob: firstJobOf(7) });
    const decision = decideAccept(state, submission());
    expect(decision).toMatchObject({ kind: 'accepted', job: 700_000_001 });
  });

  it("is not given where the namespace's are used up: the next would be another namespace's", () => {
    const state = createState(undefined, { firstJob: firstJobOf(2) });
    state.nextJob = firstJobOf(3) - 1;
    expect(decideAccept(state, submission())).toEqual({ kind: 'numbers-used-up' });
  });
});
