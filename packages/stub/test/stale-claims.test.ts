/** Claims whose holders are gone hold nobody up; those of which anything lives do (C2, C3). */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SettledEvent, StubEvent } from '@pogo/stub';
import {
  type HostRun,
  HostRun as Run,
  claimInterpreters,
  claimOf,
  interpreter,
  killAll,
  newHome,
  newLockKey,
  runOnHost,
  shell,
  sweep,
} from './host.js';

afterEach(sweep);

const today = Date.UTC(2026, 6, 1) / 86_400_000;
const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').split('-', 1)[0] ?? '';

/** When process `pid` was started, as /proc says it. */
function startOf(pid: number | string): string {
  return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19] ?? '';
}

function onceOutput(act: (run: HostRun) => void) {
  let done = false;
  return (event: StubEvent, run: HostRun) => {
    if (done || event.kind !== 'stdout') return;
    done = true;
    act(run);
  };
}

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);
  const overNotKnownHow = {
    found: 'outcome',
    ended: { exit: { kind: 'unknown' }, killed: false, killConfirmed: false },
  };

  /** A run under a key where `fileName` with `content` is all that others left. */
  async function after(fileName: string, content: string) {
    const home = newHome();
    const lockKey = newLockKey();
    writeFileSync(join(home, `.pogo-${lockKey}-${fileName}`), content);
    const result = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { waitMs: 0 }),
      command: shell('echo ran'),
    });
    return { ...result, files: readdirSync(home), ran: result.stdout.toString() === 'ran\n' };
  }

  it('a claim from before the host restarted is stale, whoever has its process ids now', async () => {
    const { ran, settled, files } = await after(
      `5-${process.pid}-${startOf(process.pid)}-${boot === '00000000' ? '00000001' : '00000000'}`,
      `3 2 ${today}\nc ${process.pid} ${startOf(process.pid)}\n`,
    );
    expect(ran).toBe(true);
    expect(settled).toMatchObject([{ job: 3, attempt: 2, index: 5, ...overNotKnownHow }]);
    expect(files).toEqual([]);
  });

  it("a claim whose process ids are others' by now is stale", async () => {
    const { ran, settled, files } = await after(
      `5-${process.pid}-${Number(startOf(process.pid)) - 1}-${boot}`,
      `3 2 ${today}\nc ${process.ppid} ${Number(startOf(process.ppid)) - 1}\n`,
    );
    expect(ran).toBe(true);
    expect(settled).toMatchObject([{ job: 3, attempt: 2, index: 5, ...overNotKnownHow }]);
    expect(files).toEqual([]);
  });

  it('a stale claim that never began its command says so', async () => {
    const { ran, settled, files } = await after(`5-${process.pid}-1-${boot}`, `3 2 ${today}\n`);
    expect(ran).toBe(true);
    expect(settled).toEqual<SettledEvent[]>([
      { kind: 'settled', job: 3, attempt: 2, index: 5, found: 'none' },
    ]);
    expect(files).toEqual([]);
  });

  it.each([
    ['empty', ''],
    ['cut in its first line', '3 2'],
    ['cut in the line of its command', `3 2 ${today}\nc 1`],
    ['cut in its end', `3 2 ${today}\nc 1 1\ne 0 0`],
    ['full of rubbish', '\x00\xff $(touch "$HOME/owned") `touch owned`\n; * ? [\n\n'],
  ])('a stale claim that is %s holds nobody up, and goes', async (_, content) => {
    const { ran, files } = await after(`5-${process.pid}-1-${boot}`, content);
    expect(ran).toBe(true);
    expect(files).toEqual([]);
  });

  it('a file that no stub of ours would name so is left alone', async () => {
    const { ran, files, lockKey } = await (async () => {
      const key = newLockKey();
      const home = newHome();
      const odd = `.pogo-${key}-5 *; $(touch owned)`;
      writeFileSync(join(home, odd), '3 2 1\n');
      writeFileSync(join(home, `.pogo-${key}-`), '');
      writeFileSync(join(home, `.pogo-${key}-fence`), '');
      const result = await runOnHost({ launch, home, claim: claimOf(key), command: shell('echo ran') });
      return { ran: result.stdout.toString() === 'ran\n', files: readdirSync(home), lockKey: key };
    })();
    expect(ran).toBe(true);
    expect(files).toContain(`.pogo-${lockKey}-5 *; $(touch owned)`);
    expect(files).toHaveLength(3);
  });

  it('after kill -9 of everything the next run goes on at once, and says what is known', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const first = new Run({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell('echo up; sleep 1000 & sleep 1000'),
      onEvent: onceOutput((run) => killAll(run)),
    });
    const { protocolError } = await first.result;
    expect(protocolError).toMatchObject({ code: 'cut' });
    const next = await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8, waitMs: 5000 }) });
    expect(next.settled).toMatchObject([{ job: 12, attempt: 1, index: 7, ...overNotKnownHow }]);
    expect(next.ended?.exit).toMatchObject({ exitCode: 0 });
    expect(readdirSync(home)).toEqual([]);
  });

  it('after kill -9 of all of the stub the claim lives for as long as anything of the session does', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    // The session's leader goes too: what is left is one process of it.
    const first = new Run({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell('sleep 1001 >/dev/null 2>&1 & echo up; sleep 1000'),
      onEvent: onceOutput((run) => killAll(run, /^\d+ sleep 1001/)),
    });
    await first.result;
    const waiting = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 8, waitMs: 400 }),
    });
    expect(waiting.events.at(-1)).toMatchObject({ kind: 'busy', holder: { index: 7, job: 12 } });
    killAll(first);
    const next = await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8, waitMs: 5000 }) });
    expect(next.settled).toMatchObject([{ index: 7, ...overNotKnownHow }]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('after kill -9 of the main shell the actor ends the command, and leaves the record', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const { ended, leftBehind } = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell("trap '' TERM; echo up; sleep 1000 & while :; do sleep 1000; done"),
      onEvent: onceOutput((run) => {
        const waiting = setInterval(() => {
          // The command is watched: main shell, actor, reader, the actor's sleep, the command, its two sleeps.
          if (run.processes().length < 7) return;
          clearInterval(waiting);
          run.child.kill('SIGKILL');
        }, 20);
      }),
    });
    expect(ended).toMatchObject({ exit: { kind: 'unknown' }, killed: true, killConfirmed: true });
    expect(leftBehind).toEqual([]);
    const next = await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8, waitMs: 0 }) });
    expect(next.settled).toEqual([
      { kind: 'settled', job: 12, attempt: 1, index: 7, found: 'outcome', ended },
    ]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('what lives under a claim is left alone by those who look', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const first = new Run({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell(`
        sleep 1001 >/dev/null 2>&1 &
        until grep -q ^sleep /proc/$!/cmdline; do :; done
        kill -STOP $!
        echo $!
        exec sleep 1000
      `),
      onEvent: onceOutput((run) => killAll(run, /^\d+ sleep 1001/)),
    });
    const { stdout } = await first.result;
    await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8, waitMs: 100 }) });
    // It was stopped, and still is.
    const stat = readFileSync(`/proc/${stdout.toString().trim()}/stat`, 'latin1');
    expect(stat).toMatch(/\) T /);
  });
});
