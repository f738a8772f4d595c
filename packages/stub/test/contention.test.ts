/** Many at once for one key: never two inside, and all get their turn (C1, C2). */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import {
  type HostRunOptions,
  HostRun as Run,
  claimInterpreters,
  claimOf,
  interpreter,
  newHome,
  newLockKey,
  runOnHost,
  shell,
  sweep,
} from './host.js';

afterEach(sweep);

/** Says "overlap" if another is inside at the same moment: `mkdir` can't succeed twice. */
const critical = shell(`
  mkdir "$HOME/inside" || echo overlap >>"$HOME/log"
  echo "$POGO_HOST" >>"$HOME/log"
  echo inside
  sleep 0.03
  rmdir "$HOME/inside"
`);

it('of 20 that come at once, under every shell, each runs once and alone', { timeout: 120_000 }, async () => {
  const home = newHome();
  const lockKey = newLockKey();
  const contenders = Array.from({ length: 20 }, (_, index) => `host${index}`);
  const results = await Promise.all(
    contenders.map((name, index) =>
      runOnHost({
        launch: interpreter(claimInterpreters[index % claimInterpreters.length] ?? 'dash'),
        home,
        claim: claimOf(lockKey, { index: 100 - index, waitMs: 100_000 }),
        environment: { POGO_HOST: name },
        command: critical,
      }),
    ),
  );
  expect(results.map(({ ended }) => ended?.exit)).toEqual(
    contenders.map(() => ({ kind: 'exited', exitCode: 0, ambiguous: false })),
  );
  expect(readFileSync(join(home, 'log'), 'utf8').trim().split('\n').sort()).toEqual(contenders.sort());
  expect(readdirSync(home)).toEqual(['log']);
  expect(results.flatMap(({ leftBehind }) => leftBehind)).toEqual([]);
});

it(
  'whoever of them is cut off or killed, no two are ever inside, and the next gets through',
  { timeout: 120_000 },
  async () => {
    const fate = fc.constantFrom<'ends' | 'cut' | 'killed'>('ends', 'ends', 'cut', 'killed');
    const contender = fc.record({ fate, shell: fc.constantFrom(...claimInterpreters) });
    await fc.assert(
      fc.asyncProperty(fc.array(contender, { minLength: 2, maxLength: 5 }), async (contenders) => {
        const home = newHome();
        const lockKey = newLockKey();
        const run = (index: number, options: HostRunOptions) =>
          new Run({
            home,
            claim: claimOf(lockKey, { index, waitMs: 60_000 }),
            environment: { POGO_HOST: `host${index}` },
            // The kernel's own lock goes with the last process that holds it, however that ends.
            command: shell(`
            exec 9>"$HOME/inside"
            flock -n 9 || echo overlap >>"$HOME/log"
            echo inside
            sleep 0.05
          `),
            ...options,
          });
        const runs = contenders.map(({ fate: how, shell: name }, index) =>
          run(index, {
            launch: interpreter(name),
            acknowledge: how === 'ends',
            onEvent: (event, { child }) => {
              if (event.kind !== 'stdout' || how === 'ends') return;
              if (how === 'cut') child.stdin.end();
              else child.kill('SIGKILL');
            },
          }),
        );
        await Promise.all(runs.map(({ result }) => result));
        const last = await run(50, {}).result;
        expect(last.ended?.exit).toMatchObject({ exitCode: 0 });
        expect(readdirSync(home).filter((file) => file !== 'inside')).toEqual([]);
        expect(runs.flatMap((each) => each.processes())).toEqual([]);
      }),
      { numRuns: 12 },
    );
  },
);

it('however long each of 8 takes to put its claim there, each runs alone', { timeout: 120_000 }, async () => {
  const home = newHome();
  const lockKey = newLockKey();
  const names = Array.from({ length: 8 }, (_, index) => `host${index}`);
  await Promise.all(
    names.map((name, index) =>
      runOnHost({
        launch: interpreter(index % 2 === 0 ? 'dash' : 'bash'),
        // What was seen before the claim is long out of date when the claim is there.
        rewrite: { from: /(?=echo \$_\w+ \$_\w+ \$_\w+>)/g, to: `sleep 0.${index + 1}\n` },
        home,
        claim: claimOf(lockKey, { index, waitMs: 100_000 }),
        environment: { POGO_HOST: name },
        command: shell(`
          mkdir "$HOME/inside" || echo overlap >>"$HOME/log"
          echo "$POGO_HOST" >>"$HOME/log"
          sleep 0.4
          rmdir "$HOME/inside"
        `),
      }),
    ),
  );
  expect(readFileSync(join(home, 'log'), 'utf8').trim().split('\n').sort()).toEqual(names);
});
