/** Commands that outlive their connection: `keeper.ts`, K1 to K5. */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeTerminate } from '@pogo/stub';
import { argv, claimInterpreters, claimOf, interpreter, newHome, newLockKey, shell, sweep } from './host.js';
import { KeptRun, type KeptRunOptions } from './kept-run.js';

afterEach(sweep);

function keptRun(
  options: Partial<KeptRunOptions> & Pick<KeptRunOptions, 'command'>,
): KeptRun & { home: string } {
  const home = newHome();
  return Object.assign(new KeptRun({ home, claim: claimOf(newLockKey()), ...options }), { home });
}

/** Neither a process nor a file is left. */
async function expectNothingLeft(run: KeptRun & { home: string }): Promise<void> {
  await vi.waitFor(
    () => {
      expect(run.processes()).toEqual([]);
      expect(readdirSync(run.home)).toEqual([]);
    },
    { timeout: 10_000 },
  );
}

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('a command goes on without its connection, and its output is taken up where it stopped', async () => {
    const script =
      'echo before; echo problem >&2; until [ -e "$HOME/go" ]; do sleep 0.1; done; seq 1 5000; exit 7';
    const run = keptRun({ launch, command: shell(script) });
    expect(await run.connect()).toBeUndefined();
    await run.untilSaid('before\n');
    await run.cut();
    const { writeFileSync, rmSync } = await import('node:fs');
    writeFileSync(`${run.home}/go`, '');
    expect(await run.connect()).toBeUndefined();
    await run.until(() => run.ended !== undefined);
    expect(run.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 7 } });
    const numbers = Array.from({ length: 5000 }, (_, at) => `${at + 1}\n`).join('');
    expect(run.output('stdout').toString()).toBe(`before\n${numbers}`);
    expect(run.output('stderr').toString()).toBe('problem\n');
    await run.leave();
    rmSync(`${run.home}/go`);
    await expectNothingLeft(run);
  });
});
