import { type Lane, lanesUntilProven, PasswordGate, type PasswordTicket } from '@pogo/rexec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

type Answer = 'accept' | 'refuse' | 'break' | 'leave' | 'unused';

/** One host: takes a lane, waits for its turn, is asked, and answers when the test says so. */
class Host {
  readonly answer: Answer;
  readonly aborter = new AbortController();
  lane: Lane | undefined;
  ticket: PasswordTicket | undefined;
  withheld = false;

  constructor(answer: Answer) {
    this.answer = answer;
  }

  async run(gate: PasswordGate): Promise<void> {
    this.lane = await gate.waitForLane(this.aborter.signal);
    if (this.lane === undefined) return;
    const admission = await gate.admit(this.aborter.signal);
    if (admission.kind === 'withheld') this.withheld = true;
    else this.ticket = admission.ticket;
  }

  end(): void {
    switch (this.answer) {
      case 'accept':
        this.ticket?.accepted();
        break;
      case 'refuse':
      case 'break':
        this.ticket?.refused();
        break;
      case 'unused':
        this.ticket?.unused();
        break;
      case 'leave':
        if (this.ticket === undefined) this.aborter.abort();
        else this.ticket.refused();
        break;
    }
    this.lane?.release();
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the password gate', () => {
  it('keeps its rules, whatever hosts answer and in whatever order', async () => {
    const answers = fc.array(fc.constantFrom<Answer>('accept', 'refuse', 'break', 'leave', 'unused'), {
      minLength: 1,
      maxLength: 14,
    });
    await fc.assert(
      fc.asyncProperty(answers, fc.infiniteStream(fc.nat()), async (list, choices) => {
        let stops = 0;
        const gate = new PasswordGate({ onStopped: () => stops++ });
        const hosts = list.map((answer) => new Host(answer));
        const open = new Set(hosts);
        let accepted = 0;
        let refusedBefore = 0;
        for (const host of hosts) void host.run(gate);
        await settled();
        while (open.size > 0) {
          const asked = [...open].filter((host) => host.ticket !== undefined);
          const connected = [...open].filter((host) => host.lane !== undefined);
          if (gate.state === 'unproven') {
            // 1: one at a time; and somebody always, so that nobody waits for ever.
            expect(asked).toHaveLength(1);
            expect(connected.length).toBeLessThanOrEqual(lanesUntilProven);
          }
          if (gate.state === 'stopped') expect(asked).toEqual([]);
          // Whoever is asked may answer; whoever waits may lose its connection.
          const able = [...open].filter(
            (host) => host.ticket !== undefined || host.withheld || host.answer === 'leave',
          );
          expect(able.length).toBeGreaterThan(0);
          const host = able[choices.next().value % able.length]!;
          if (host.ticket !== undefined) {
            if (host.answer === 'accept') accepted++;
            else if (host.answer !== 'unused' && accepted === 0) refusedBefore++;
          }
          host.end();
          open.delete(host);
          await settled();
        }
        expect(refusedBefore).toBeLessThanOrEqual(3);
        expect(gate.state).toBe(accepted > 0 ? 'proven' : refusedBefore === 3 ? 'stopped' : 'unproven');
        expect(stops).toBe(gate.state === 'stopped' ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });

  it('takes one answer per ticket', async () => {
    let stops = 0;
    const gate = new PasswordGate({ onStopped: () => stops++ });
    const ask = async () => {
      const admission = await gate.admit(new AbortController().signal);
      if (admission.kind !== 'try') throw new Error('withheld');
      return admission.ticket;
    };
    const first = await ask();
    for (let i = 0; i < 5; i++) first.refused();
    expect(gate.state).toBe('unproven');
    (await ask()).refused();
    first.accepted();
    expect(gate.state).toBe('unproven');
    (await ask()).refused();
    expect([gate.state, stops]).toEqual(['stopped', 1]);
    expect(gate.admit(new AbortController().signal)).toEqual({ kind: 'withheld' });
  });
});
