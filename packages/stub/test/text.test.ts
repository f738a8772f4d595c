/** The text itself: its size, its syntax, what a cut leaves of it (S1), and what it costs (S6). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { renderStub } from '@pogo/stub';
import { argv, interpreter, loginShell, program, runOnHost, sweep, tellingInterpreters } from './host.js';

afterEach(sweep);

function text(...words: string[]): Buffer {
  const rendered = renderStub({
    nonce: '0123456789abcdef0123456789abcdef',
    command: argv(...words),
    environment: {},
    timeoutMs: 60_000,
  });
  if (!rendered.ok) throw new Error(rendered.message);
  return Buffer.from(rendered.stdin);
}

it('the text without parameters stays under 4 KB, and the command line is short', () => {
  expect(text('true').length).toBeLessThanOrEqual(4096);
  expect(loginShell('dash').arguments.join(' ').length).toBeLessThanOrEqual(32);
});

it.each([
  ['dash', '-n'],
  ['bash', '--posix', '-n'],
  ['busybox', 'sh', '-n'],
  ['ksh93', '-n'],
  ['zsh', '--emulate', 'sh', '-n'],
])('%s finds no fault in its syntax', (name, ...flags) => {
  const { status, stderr } = spawnSync(program(name), flags, { input: text('echo', "it's") });
  // ksh93 warns that $(( )) would be faster written in its own way.
  expect(stderr.toString().replaceAll(/^.*warning: .*is slower than.*\n/gm, '')).toBe('');
  expect(status).toBe(0);
});

describe.each(tellingInterpreters)('under %s', (name) => {
  it('a text that is cut anywhere runs nothing', () => {
    const { file, argv0, arguments: arguments_ } = interpreter(name);
    const whole = text('echo', 'ran', 'and ran');
    const last = whole.lastIndexOf('}');
    const cuts = new Set<number>();
    for (let at = 0; at < last; at += name === 'dash' ? 29 : 173) cuts.add(at);
    for (let at = last - (name === 'dash' ? 90 : 30); at <= last; at++) cuts.add(at);
    for (const cut of cuts) {
      const { stdout } = spawnSync(file, arguments_, { argv0, input: whole.subarray(0, cut) });
      expect(stdout.toString(), `cut at ${cut} of ${whole.length}`).toBe('');
    }
    const { stdout } = spawnSync(file, arguments_, { argv0, input: whole });
    expect(stdout.toString()).toMatch(/^\x1epogo-/);
  });

  it('it costs three forks and three execs on top of the command', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pogo-stub-cost-'));
    const trace = join(directory, 'trace');
    try {
      const { ended } = await runOnHost({
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
      expect(execs.length - 1, lines.join('\n')).toBeLessThanOrEqual(3);
      expect(forks.length - 1, lines.join('\n')).toBeLessThanOrEqual(3);
      expect(forks.length).toBeGreaterThan(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
