/** What held a deadlocked job up, in the log and in the API: they differ in how they name jobs. */
import * as z from 'zod';

export function deadlockCause<Job extends z.ZodType>(job: Job) {
  const names = { count: z.int(), hosts: z.string(), more: z.int() };
  return z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('slot'),
      slot: z.string(),
      use: z.int(),
      limit: z.int(),
      waiting: z.int(),
      /** Jobs whose hosts counted in the slot; `hosts` are folded names, and `more` are not named. */
      holders: z.array(z.object({ job, ...names })),
    }),
    z.object({ kind: z.literal('stage'), stage: z.string(), waiting: z.int(), ...names }),
    z.object({ kind: z.literal('own-cap'), concurrent: z.int(), disturbed: z.int(), waiting: z.int() }),
  ]);
}
