/** The text itself: its size, its syntax, what a cut leaves of it (S1), and what it costs (S6). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type StubCommand, type StubOptions, renderKeeper, renderSettle, renderStub } from '@pogo/stub';
import {
  argv,
  interpreter,
  loginShell,
  newHome,
  program,
  runOnHost,
  sweep,
  tellingInterpreters,
} from './host.js';

afterEach(sweep);

/** The numbers as large as they come. */
const claim = {
  lockKey: '0123456789abcdef',
  index: 2_000_000_000,
  job: 1_000_000,
  attempt: 100,
  nowMs: Date.UTC(2026, 6, 1),
  waitMs: 30_000,
};

function text(options: Partial<StubOptions> | string, ...words: string[]): Buffer {
  const rendered = renderStub({
    nonce: '0123456789abcdef0123456789abcdef',
    environment: {},
    timeoutMs: 60_000,
    ...(typeof options === 'string'
      ? { command: argv(options, ...words) }
      : { command: argv(...words), ...options }),
  });
  if (!rendered.ok) throw new Error(rendered.message);
  return Buffer.from(rendered.stdin);
}

function keeper(kind: 'launch' | 'attach'): Buffer {
  const rendered = renderKeeper({
    nonce: '0123456789abcdef0123456789abcdef',
    claim,
    what:
      kind === 'attach'
        ? { kind }
        : { kind, run: '0123456789abcdef0123456789abcdef', bytes: 100_000, limitMs: 7 * 86_400_000 },
    stdout: { piece: 1_000_000, offset: 8_000_000 },
    stderr: { piece: 1_000_000, offset: 8_000_000 },
  });
  if (!rendered.ok) throw new Error(rendered.message);
  return Buffer.from(rendered.stdin);
}

const steps = {
  prehooks: true,
  pre: '',
  post: '',
  posthooks: true,
  health: { script: '', retries: 100, intervalMs: 3_600_000 },
};

it('the text without parameters stays under 4 KB, with a claim under 6 KB, and the command line is short', () => {
  expect(text('true').length).toBeLessThanOrEqual(4096);
  const claimed = text({ claim }, 'true').length;
  expect(claimed).toBeLessThanOrEqual(6144);
  const whole = text({
    claim: { ...claim, fence: true },
    retries: 100,
    command: { kind: 'script', name: 'script', bytes: 100_000_000, args: [] },
    steps,
  });
  expect(whole.length).toBeLessThanOrEqual(9216);
  expect(loginShell('dash').arguments.join(' ').length).toBeLessThanOrEqual(32);
});

it('a command that outlives its connection adds 0.1 KB to that, and a keeper of 3 KB', () => {
  const claimed = text({ claim }, 'true').length;
  expect(text({ claim, lastingMs: 7 * 86_400_000 }, 'true').length - claimed).toBeLessThanOrEqual(102);
  expect(keeper('launch').length).toBeLessThanOrEqual(3072);
  expect(keeper('attach').length).toBeLessThanOrEqual(2304);
});

it('hooks, which are asked for by default, add less than 1 KB, and all other steps half as much', () => {
  const claimed = text({ claim }, 'true').length;
  const hooked = text({ claim, steps: { prehooks: true, posthooks: true } }, 'true').length;
  expect(hooked - claimed).toBeLessThanOrEqual(1024);
  expect(text({ claim, retries: 100, steps }, 'true').length - hooked).toBeLessThanOrEqual(512);
});

it.each([
  ['dash', '-n'],
  ['bash', '--posix', '-n'],
  ['busybox', 'sh', '-n'],
  ['ksh93', '-n'],
  ['mksh', '-n'],
  ['zsh', '--emulate', 'sh', '-n'],
])('%s finds no fault in its syntax, whatever its parts', (name, ...flags) => {
  const fence = { ...claim, fence: true };
  const probe = renderSettle({ nonce: '0123456789abcdef', ...fence });
  if (!probe.ok) throw new Error(probe.message);
  const script: StubCommand = { kind: 'script', name: "it's", bytes: 3, args: ["it's"] };
  const texts = [
    ...[
      ...[{}, { claim }, { claim: fence }, { retries: 2 }, { claim, retries: 2 }, { claim, steps }],
      ...[{ prehooks: true }, { posthooks: true }, { pre: "it's" }, { post: 'x' }].map((some) => ({
        steps: some,
      })),
    ].map((options) => text(options, 'echo', "it's")),
    text({ claim, command: script }),
    text({ claim: fence, retries: 2, command: script, steps }),
    text({ claim, lastingMs: 60_000, command: script, steps }),
    probe.stdin,
    keeper('launch'),
    keeper('attach'),
  ];
  for (const input of texts) {
    const { status, stderr } = spawnSync(program(name), flags, { input });
    // ksh93 warns that $(( )) would be faster written in its own way.
    expect(stderr.toString().replaceAll(/^.*warning: .*is slower than.*\n/gm, '')).toBe('');
    expect(status).toBe(0);
  }
});

describe.each(tellingInterpreters)('under %s', (name) => {
  it('a text that is cut anywhere runs nothing', () => {
    const { file, argv0, arguments: arguments_ } = interpreter(name);
    const home = newHome();
    const whole = text({ claim }, 'echo', 'ran', 'and ran');
    const run = (input: Buffer) =>
      spawnSync(file, arguments_, { argv0, input, env: { ...process.env, HOME: home } });
    const last = whole.lastIndexOf('}');
    const cuts = new Set<number>();
    for (let at = 0; at < last; at += name === 'dash' ? 29 : 173) cuts.add(at);
    for (let at = last - (name === 'dash' ? 90 : 30); at <= last; at++) cuts.add(at);
    for (const cut of cuts) {
      const { stdout } = run(whole.subarray(0, cut));
      expect(stdout.toString(), `cut at ${cut} of ${whole.length}`).toBe('');
    }
    expect(readdirSync(home)).toEqual([]);
    const { stdout } = run(whole);
    expect(stdout.toString()).toMatch(/^\x1epogo-/);
    expect(readdirSync(home)).toHaveLength(1);
  });

  it.each([
    ['it costs three forks and three execs on top of the command', {}, 3, 3],
    // In plain mode, which ksh93 takes, the wait for the acknowledgement has a listener and a reader of its own.
    ['a claim costs one exec more', { claim }, name === 'ksh93' ? 6 : 3, name === 'ksh93' ? 5 : 4],
    [
      'hooks that a host does not have cost nothing',
      {
        claim,
        steps: { prehooks: true, posthooks: true },
        rewrite: { from: '/etc/pogo/', to: '/nonexistent/' },
      },
      name === 'ksh93' ? 6 : 3,
      name === 'ksh93' ? 5 : 4,
    ],
  ])('%s', async (_, options, forkBudget, execBudget) => {
    const directory = mkdtempSync(join(tmpdir(), 'pogo-stub-cost-'));
    const trace = join(directory, 'trace');
    try {
      const { ended } = await runOnHost({
        ...options,
        home: newHome(),
        launch: interpreter(name),
        wrapper: [
          program('strace'),
          ...['-f', '-qq', '-e', 'trace=execve,fork,vfork,clone,clone3', '-e', 'signal=none', '-o', trace],
        ],
        // The command is there when the sleep has started too: else its end could spare us the sleep.
        command: argv(program('sleep'), '0.5'),
      });
      expect(ended?.exit).toMatchObject({ exitCode: 0 });
      const lines = readFileSync(trace, 'utf8').split('\n');
      const execs = lines.filter((line) => /execve\(.*= 0$/.test(line));
      const forks = lines.filter((line) => /(fork|clone3?)(\(| resumed).*= \d+$/.test(line));
      // The command's own fork and exec are not counted.
      expect(execs.length - 1, lines.join('\n')).toBeLessThanOrEqual(execBudget);
      expect(forks.length - 1, lines.join('\n')).toBeLessThanOrEqual(forkBudget);
      expect(forks.length).toBeGreaterThan(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
