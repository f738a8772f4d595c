/** Options for commands that outlive their connection. */
import { expect, it } from 'vitest';
import { key, useClient } from './support/client.js';

const client = useClient();

async function specOf(configuration: string, ...args: string[]) {
  const dispatcher = await client.dispatcherWith();
  await client.pogo.file('home/.pogoconf', configuration);
  try {
    const { code, stderr } = await client.pogo.run([
      ...['run', '-d', '-h', 'web1', '--identity', key],
      ...[...args, 'true'],
    ]);
    expect(code, stderr).toBe(0);
    return dispatcher.submitted!.spec;
  } finally {
    await client.pogo.file('home/.pogoconf', '');
  }
}

it.each([
  ['', ['--survive-disconnect'], { limitMs: 3_600_000 }],
  ['', ['--survive-disconnect', '--disconnect-limit', '10m'], { limitMs: 600_000 }],
  ['survive_disconnect: true\n', [], { limitMs: 3_600_000 }],
  ['survive_disconnect: true\ndisconnect_limit: 2h\n', [], { limitMs: 7_200_000 }],
  ['disconnect_limit: 2h\n', ['--survive-disconnect'], { limitMs: 7_200_000 }],
  ['survive_disconnect: true\ndisconnect_limit: 2h\n', ['--no-survive-disconnect'], undefined],
  ['disconnect_limit: 2h\n', [], undefined],
])('with %j in the configuration, %j seals %j', async (configuration, args, expected) => {
  expect((await specOf(configuration, ...args)).surviveDisconnect).toEqual(expected);
});

it('are shown by a plan', async () => {
  await client.dispatcherWith();
  const plan = async (...args: string[]) => {
    const { code, stdout, stderr } = await client.pogo.run(['plan', '-h', 'web1', ...args, 'true']);
    expect(code, stderr).toBe(0);
    return stdout.toString('utf8');
  };
  expect(await plan('--survive-disconnect', '--disconnect-limit', '90m')).toMatch(
    /^ *survives +a lost connection, until nobody has come back to it for 1 h 30 min$/m,
  );
  expect(await plan()).not.toContain('survives');
});

it.each([
  [['--disconnect-limit', '10m'], '--disconnect-limit is for a command that outlives its connection'],
  [['--survive-disconnect', '--disconnect-limit', '5s'], 'of at least 60 s and of at most 604800 s'],
  [['--survive-disconnect', '--disconnect-limit', '8d'], 'of at least 60 s and of at most 604800 s'],
  [
    ['--survive-disconnect', '--no-survive-disconnect'],
    'contradicting-options: --survive-disconnect and --no-survive-disconnect',
  ],
])('%j is a usage error', async (args, said) => {
  const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, ...args, 'true']);
  expect(code).toBe(2);
  expect(stderr).toContain(said);
});
