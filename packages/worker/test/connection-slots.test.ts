import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Claimant, ConnectionSlots } from '../src/connection-slots.js';

class Job implements Claimant {
  wanted = 0;
  dialling = 0;
  open = 0;
  left = false;

  wants(): number {
    return this.wanted;
  }

  grant(slots: number): void {
    if (slots > this.wanted) throw new Error('granted more than wanted');
    this.wanted -= slots;
    this.dialling += slots;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('free slots go to the job that holds fewest, and handshakes are limited apart from connections', async () => {
  const slots = new ConnectionSlots({ maxConnections: 10, maxHandshakes: 4 });
  const [large, small] = [new Job(), new Job()];
  slots.join(large);
  slots.join(small);
  large.wanted = 100;
  slots.distribute();
  await turn();
  expect(large.dialling).toBe(4);
  small.wanted = 2;
  for (let count = 0; count < 4; count++) slots.authenticated();
  await turn();
  expect([large.dialling, small.dialling]).toEqual([6, 2]);
});

type Step = { job: number; kind: 'want' | 'authenticate' | 'end' | 'end-dialling' | 'leave'; count: number };

test('whatever jobs do, the limits hold, nothing free is kept from who wants it, and all of it comes back', async () => {
  const steps = fc.array(
    fc.record<Step>({
      job: fc.nat({ max: 3 }),
      kind: fc.constantFrom('want', 'want', 'authenticate', 'end', 'end-dialling', 'leave'),
      count: fc.integer({ min: 1, max: 5 }),
    }),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 4 }),
      steps,
      async (most, hands, plan) => {
        const slots = new ConnectionSlots({ maxConnections: most, maxHandshakes: hands });
        const jobs = [new Job(), new Job(), new Job(), new Job()];
        for (const job of jobs) slots.join(job);
        for (const { job: index, kind, count } of plan) {
          const job = jobs[index]!;
          if (job.left) continue;
          for (let time = 0; time < count; time++) {
            if (kind === 'want') job.wanted++;
            if (kind === 'authenticate' && job.dialling > 0) {
              job.dialling--;
              job.open++;
              slots.authenticated();
            }
            if (kind === 'end' && job.open > 0) {
              job.open--;
              slots.release(job, { dialling: false });
            }
            if (kind === 'end-dialling' && job.dialling > 0) {
              job.dialling--;
              slots.release(job, { dialling: true });
            }
          }
          if (kind === 'leave') {
            slots.leave(job, job.dialling);
            job.left = true;
          }
          slots.distribute();
          await turn();
          const staying = jobs.filter(({ left }) => !left);
          const dialling = staying.reduce((sum, { dialling }) => sum + dialling, 0);
          const held = staying.reduce((sum, { dialling, open }) => sum + dialling + open, 0);
          expect(held).toBe(slots.held);
          expect(held).toBeLessThanOrEqual(most);
          expect(dialling).toBeLessThanOrEqual(hands);
          const isFree = held < most && dialling < hands;
          if (isFree) expect(staying.every(({ wanted }) => wanted === 0)).toBe(true);
        }
        for (const job of jobs) if (!job.left) slots.leave(job, job.dialling);
        expect(slots.held).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
}, 120_000);
