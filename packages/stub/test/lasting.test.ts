/** Commands that outlive their connection: `keeper.ts`, K1 to K5. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeHeartbeat, encodeTerminate, keptPieceBytes } from '@pogo/stub';
import {
  claimInterpreters,
  claimOf,
  interpreter,
  newDirectory,
  newHome,
  newLockKey,
  runOnHost,
  shell,
  sweep,
} from './host.js';
import { KeptRun, type KeptRunOptions } from './kept-run.js';

afterEach(sweep);

interface Staged {
  run: KeptRun;
  home: string;
  /** Lets commands pass that wait for it. */
  open: (gate: string) => void;
}

/** Shell text that waits until a gate is open. */
const gate = (name: string) => `until [ -e "$GATES/${name}" ]; do sleep 0.05; done`;

function stage(options: Partial<KeptRunOptions> & Pick<KeptRunOptions, 'command'>): Staged {
  const home = newHome();
  const gates = newDirectory();
  const run = new KeptRun({
    home,
    claim: claimOf(newLockKey()),
    environmentOfHost: { GATES: gates },
    ...options,
  });
  return { run, home, open: (name) => writeFileSync(join(gates, name), '') };
}

/** Neither a process nor a file is left (K4). */
async function expectNothingLeft({ run, home }: Staged): Promise<void> {
  await vi.waitFor(
    () => {
      expect(run.processes()).toEqual([]);
      expect(readdirSync(home)).toEqual([]);
    },
    { timeout: 20_000 },
  );
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => `${at + 1}\n`).join('');

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('a command goes on without its connection, and its output is taken up where it stopped', async () => {
    const script = `echo before; echo problem >&2; ${gate('go')}; seq 1 5000; exit 7`;
    const staged = stage({ launch, command: shell(script) });
    const { run } = staged;
    expect(await run.connect()).toBeUndefined();
    await run.untilSaid('before\n');
    await run.cut();
    staged.open('go');
    expect(await run.connect()).toBeUndefined();
    await run.untilEnded();
    expect(run.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 7 } });
    expect(run.output('stdout').toString()).toBe(`before\n${numbers(5000)}`);
    expect(run.output('stderr').toString()).toBe('problem\n');
    await run.leave();
    await expectNothingLeft(staged);
  });

  it('it is ended by somebody who came back, and by its own time where nobody has', async () => {
    const told = stage({ launch, command: shell('echo here; sleep 1000') });
    await told.run.connect();
    await told.run.untilSaid('here\n');
    await told.run.cut();
    await told.run.connect();
    told.run.send(encodeTerminate());
    await told.run.untilEnded();
    expect(told.run.ended).toMatchObject({ stopCause: 'terminate', killConfirmed: true });
    await told.run.leave();
    await expectNothingLeft(told);
    const late = stage({ launch, command: shell('echo here; sleep 1000'), timeoutMs: 1000 });
    await late.run.connect();
    await late.run.untilSaid('here\n');
    await late.run.cut();
    // The command is over when nothing of it runs but what waits to be told of.
    await vi.waitFor(() => expect(late.run.processes().join('\n')).not.toContain('sleep 1000'), {
      timeout: 20_000,
    });
    await late.run.connect();
    await late.run.untilEnded();
    expect(late.run.ended).toMatchObject({ stopCause: 'timeout', killConfirmed: true });
    await late.run.leave();
    await expectNothingLeft(late);
  });
});

it('without anybody for too long the command is ended, and what was kept goes (K4), but not its record (E4)', async () => {
  const staged = stage({ command: shell('echo here; sleep 1000'), limitMs: 1000 });
  const { run, home } = staged;
  await run.connect();
  await run.untilSaid('here\n');
  await run.cut();
  await vi.waitFor(() => expect(run.processes()).toEqual([]), { timeout: 20_000 });
  const [record, ...others] = readdirSync(home);
  expect(record).toMatch(/^\.pogo-/);
  expect(others).toEqual([]);
  const { settled } = await runOnHost({ home, settle: staged.run.claim });
  expect(settled).toMatchObject([{ found: 'outcome', ended: { stopCause: 'silence', killConfirmed: true } }]);
  expect(readdirSync(home)).toEqual([]);
});

it('heartbeats of whoever is attached keep it alive', async () => {
  const staged = stage({ command: shell(`echo here; ${gate('go')}; echo over`), limitMs: 1500 });
  const { run } = staged;
  await run.connect();
  await run.untilSaid('here\n');
  const beating = setInterval(() => run.send(encodeHeartbeat()), 200);
  try {
    // Twice the time after which it would be ended otherwise, as the host counts.
    await runOnHost({ home: newHome(), command: shell('sleep 3') });
    staged.open('go');
    await run.untilEnded();
  } finally {
    clearInterval(beating);
  }
  expect(run.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 0 }, killed: false });
  await run.leave();
  await expectNothingLeft(staged);
});

it('more than one piece arrives once and in order, over a cut in the middle of it (K1)', async () => {
  const bytes = 3 * keptPieceBytes + 12_345;
  const staged = stage({ command: shell(`head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo end`) });
  const { run } = staged;
  await run.connect();
  await run.until(() => run.received > keptPieceBytes + 4096);
  await run.cut();
  await run.connect();
  await run.untilEnded();
  const stdout = run.output('stdout');
  expect(stdout.length).toBe(bytes + 5);
  expect(stdout.subarray(0, bytes).every((byte) => byte === 0x78)).toBe(true);
  expect(stdout.subarray(bytes).toString()).toBe('\nend\n');
  await run.leave();
  await expectNothingLeft(staged);
});

it('nobody there, output beyond four pieces holds the command back, and none is lost (K2)', async () => {
  const bytes = 6 * keptPieceBytes;
  const staged = stage({
    command: shell(`echo here; ${gate('go')}; head -c ${bytes} /dev/zero; echo all >"$GATES/written"`),
  });
  const { run, home } = staged;
  await run.connect();
  await run.untilSaid('here\n');
  await run.cut();
  staged.open('go');
  const pieces = () => {
    const [folder] = readdirSync(home).filter((name) => name.endsWith('.d'));
    return readdirSync(join(home, folder!)).filter((name) => /^o\d+$/.test(name));
  };
  await vi.waitFor(() => expect(pieces()).toHaveLength(4), { timeout: 30_000 });
  await run.connect();
  await run.until(() => run.received >= bytes + 5);
  await run.untilEnded();
  expect(run.output('stdout').length).toBe(bytes + 5);
  await run.leave();
  await expectNothingLeft(staged);
});

it('a script that comes with the command is passed on byte for byte', async () => {
  const upload = Buffer.concat([
    Buffer.from('#!/bin/sh\ntail -n +4 "$0" | wc -c\nexit 9\n'),
    Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 256)),
  ]);
  const staged = stage({
    command: { kind: 'script', name: 'given', bytes: upload.length, args: [] },
    upload,
  });
  const { run } = staged;
  await run.connect();
  await run.untilEnded();
  expect(run.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 9 } });
  expect(run.output('stdout').toString().trim()).toBe('200000');
  await run.leave();
  await expectNothingLeft(staged);
});

it('whoever comes second ends the one before (K3), and after the end there is nothing to come back to', async () => {
  const staged = stage({ command: shell(`echo here; ${gate('go')}; echo over`) });
  const { run } = staged;
  await run.connect();
  await run.untilSaid('here\n');
  const before = run.forget();
  await run.connect();
  await before;
  staged.open('go');
  await run.untilEnded();
  expect(run.output('stdout').toString()).toBe('here\nover\n');
  await run.leave();
  await expectNothingLeft(staged);
  expect(await run.connect()).toBe('keeper-gone');
});

it('where the account can keep nothing the command does not begin', async () => {
  const home = newHome();
  const staged = stage({
    command: shell('echo ran'),
    home: join(home, 'missing'),
    rewrite: { from: /\/(var\/tmp|dev\/shm|tmp)\/\$/g, to: '/nowhere/$' },
  });
  expect(await staged.run.connect()).toBe('keeper-impossible');
  await vi.waitFor(() => expect(staged.run.processes()).toEqual([]), { timeout: 20_000 });
});

it('a restart of the host leaves nothing to come back to, and the record says that it is over', async () => {
  const staged = stage({ command: shell('echo here; sleep 1000') });
  const { run, home } = staged;
  await run.connect();
  await run.untilSaid('here\n');
  await run.cut();
  await vi.waitFor(
    () => {
      for (const line of run.processes()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
      expect(run.processes()).toEqual([]);
    },
    { timeout: 20_000 },
  );
  expect(readdirSync(home)).toHaveLength(2);
  const boot = join(newDirectory(), 'boot_id');
  writeFileSync(boot, '01234567-89ab-cdef-0123-456789abcdef\n');
  const rewrite = { from: '/proc/sys/kernel/random/boot_id', to: boot };
  expect(await run.connect({ rewrite })).toBe('keeper-gone');
  const { settled } = await runOnHost({ home, settle: run.claim, rewrite });
  expect(settled).toMatchObject([{ found: 'outcome', ended: { exit: { kind: 'unknown' }, killed: false } }]);
  // With what was kept of its output.
  expect(readdirSync(home)).toEqual([]);
});
