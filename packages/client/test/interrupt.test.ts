import { describe, expect, it } from 'vitest';
import { Interrupt } from '../src/run/interrupt.js';

function interrupt(answers?: ('detach' | 'halt' | undefined)[]) {
  const did: string[] = [];
  const subject = new Interrupt({
    ask: answers && (() => Promise.resolve(answers.shift())),
    halt: (kill) => {
      did.push(kill ? 'kill' : 'halt');
      return Promise.resolve();
    },
    leave: () => did.push('leave'),
  });
  return { subject, did };
}

describe('Ctrl-C', () => {
  it('without a terminal halts, then kills, then leaves', async () => {
    const { subject, did } = interrupt();
    for (const expected of [['halt'], ['halt', 'kill'], ['halt', 'kill', 'leave']]) {
      await subject.press();
      expect(did).toEqual(expected);
    }
    expect(subject.interrupted).toBe(true);
  });

  it('on a terminal detaches when that is the answer', async () => {
    const { subject, did } = interrupt(['detach']);
    await subject.press();
    expect(did).toEqual(['leave']);
    expect(subject.interrupted).toBe(true);
  });

  it('on a terminal goes on when that is the answer, and asks again the next time', async () => {
    const { subject, did } = interrupt([undefined, 'halt']);
    await subject.press();
    expect(did).toEqual([]);
    expect(subject.interrupted).toBe(false);
    await subject.press();
    expect(did).toEqual(['halt']);
  });

  it('pressed a second time while the question stands halts, whatever the answer is then', async () => {
    let answer: (value: 'detach') => void = () => undefined;
    const did: string[] = [];
    const subject = new Interrupt({
      ask: () => new Promise((resolve) => (answer = resolve)),
      halt: () => {
        did.push('halt');
        return Promise.resolve();
      },
      leave: () => did.push('leave'),
    });
    const first = subject.press();
    await subject.press();
    answer('detach');
    await first;
    expect(did).toEqual(['halt']);
  });
});
