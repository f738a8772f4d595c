import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '@pogo/lifecycle';
import {
  type Key,
  type PracticeAuthAttempt,
  type PracticeHost,
  type TemporaryDirectory,
  createKey,
  createTemporaryDirectory,
  localShell,
  markedProcesses,
  processTable,
  runCommand,
  startPracticeHost,
  writeKnownHosts,
} from '@pogo/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('the practice host', () => {
  let directory: TemporaryDirectory;
  let keys: Key[];
  let host: PracticeHost;
  const attempts: PracticeAuthAttempt[] = [];

  beforeAll(async () => {
    directory = createTemporaryDirectory();
    keys = await Promise.all(
      (['ed25519', 'ecdsa', 'rsa'] as const).map((type) => createKey({ directory: directory.path, type })),
    );
    host = await startPracticeHost({
      user: 'visitor',
      password: 'open sesame',
      authorizedKeys: keys.map((key) => `${key.publicLine} someone@somewhere`),
      count: 3,
      directory: directory.path,
      executor: localShell({
        clock: systemClock,
        directory: directory.path,
        graceMs: 50,
        environment: { PATH: '/usr/bin:/bin' },
      }),
      onAuthAttempt: (attempt) => attempts.push(attempt),
    });
  });

  afterAll(async () => {
    await host.stop();
    directory.remove();
  });

  /** Arguments of ssh(1) for one of the hosts, with one method and no configuration of the machine's. */
  function loginArguments(options: { index?: number; user?: string; method: string; key?: Key }): string[] {
    const { address, port } = host.hosts[options.index ?? 0]!;
    const settings = {
      UserKnownHostsFile: writeKnownHosts(directory.file('known_hosts'), {
        hosts: host.hosts.map((each) => each.address),
        port,
        keys: host.hostPublicKeys,
      }),
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      PreferredAuthentications: options.method,
      NumberOfPasswordPrompts: '1',
      IdentitiesOnly: 'yes',
      IdentityFile: options.key?.privatePath ?? 'none',
    };
    return [
      ...['-F', '/dev/null', '-p', String(port), '-l', options.user ?? 'visitor'],
      ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
      address,
    ];
  }

  it.each([0, 1, 2])('lets each kind of key in (%i)', async (which) => {
    const login = loginArguments({ method: 'publickey', key: keys[which]!, index: which });
    const result = await runCommand('ssh', [...login, 'echo "$USER" $SSH_CONNECTION; pwd; echo $HOME']);
    const [greeting, directoryThere, home] = result.stdout.split('\n');
    expect(greeting).toMatch(new RegExp(`^visitor 127\\S+ \\d+ ${host.hosts[which]!.address} \\d+$`));
    expect(directoryThere).toBe(home);
    expect(home).toContain(`${directory.path}/${host.hosts[which]!.address}-`);
    expect(result.exitCode).toBe(0);
  });

  it.each(['password', 'keyboard-interactive'])('takes the right %s and no other', async (method) => {
    const command = ['ssh', ...loginArguments({ method }), 'echo in'];
    const give = (password: string) =>
      runCommand('sshpass', ['-d', '0', ...command], { stdin: `${password}\n` });
    expect(await give('open sesame')).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    const refused = await give('close sesame');
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout).toBe('');
    expect(attempts.filter((attempt) => attempt.method === method).map((attempt) => attempt.result)).toEqual([
      'accepted',
      'failed',
    ]);
  });

  it('refuses a stranger and a key that it does not know', async () => {
    const stranger = loginArguments({ method: 'publickey', key: keys[0]!, user: 'stranger' });
    expect((await runCommand('ssh', [...stranger, 'true'])).stderr).toContain('Permission denied');
    const unknown = await createKey({ directory: directory.path, name: 'unknown' });
    const login = loginArguments({ method: 'publickey', key: unknown });
    expect((await runCommand('ssh', [...login, 'true'])).stderr).toContain('Permission denied');
  });

  it('passes stdin, stdout, stderr and the exit status as they are', async () => {
    const login = loginArguments({ method: 'publickey', key: keys[0]! });
    // Beyond the window of 2 MB on both streams at once, several times: each waits for the client now and then.
    const text = Array.from(
      { length: 60_000 },
      (_, line) => `${line} ${'0123456789abcdef'.repeat(3)}\n`,
    ).join('');
    for (let round = 0; round < 5; round++) {
      const result = await runCommand('ssh', [...login, 'tee /dev/stderr; exit 7'], { stdin: text });
      expect(result.exitCode).toBe(7);
      expect([result.stdout.length, result.stderr.length]).toEqual([text.length, text.length]);
      expect(result.stdout === text && result.stderr === text).toBe(true);
    }
  });

  it('tells that a signal ended the command', async () => {
    const login = loginArguments({ method: 'publickey', key: keys[0]! });
    const result = await runCommand('ssh', ['-v', ...login, 'kill -TERM $$']);
    expect(result.exitCode).toBe(255);
    expect(result.stderr).toContain('rtype exit-signal');
  });

  it('ends what a command left running once its connection is gone', async () => {
    const login = loginArguments({ method: 'publickey', key: keys[0]! });
    const marked = () => markedProcesses('POGO_TEST_MARK', directory.path);
    const child = spawn('ssh', [
      ...login,
      `export POGO_TEST_MARK=${directory.path}; setsid sh -c 'echo up; exec sleep 1000' & wait`,
    ]);
    await once(child.stdout, 'data');
    expect(marked().length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await expect.poll(marked, { timeout: 20_000 }).toEqual([]);
  });

  it('opens no terminal and no forwarding', async () => {
    const login = loginArguments({ method: 'publickey', key: keys[0]! });
    const forwarded = await runCommand('ssh', ['-W', '127.0.0.1:1', ...login]);
    expect(forwarded.exitCode).toBe(255);
    expect((await runCommand('ssh', ['-tt', ...login, 'tty'])).stdout).not.toContain('/dev/');
  });
});

describe('the practice host as a program', () => {
  let directory: TemporaryDirectory;

  beforeAll(async () => {
    directory = createTemporaryDirectory();
    // Bundled into a place of its own: another test may be using the built program.
    await build({
      entryPoints: [`${repository}packages/testkit/src/practice-host-main.ts`],
      outfile: program(),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      external: ['*.node', 'cpu-features'],
      banner: {
        js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url),__dirname=import.meta.dirname;",
      },
    });
  });

  afterAll(() => directory.remove());

  const repository = new URL('../../..', import.meta.url).pathname;
  const program = () => directory.file('practice-host.mjs');
  const start = (): ChildProcess =>
    spawn('node', [program()], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });

  it('serves many hosts, says where, and leaves nothing when its stdin ends', async () => {
    const child = start();
    const ended = once(child, 'close');
    const settings = {
      count: 20,
      user: 'visitor',
      layout: 'ports',
      clientKeyFile: directory.file('client-key'),
      knownHostsFile: directory.file('known_hosts'),
      authLog: true,
    };
    child.stdin!.write(`${JSON.stringify(settings)}\n`);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const ready = JSON.parse((await lines.next()).value as string) as {
      hosts: { address: string; port: number }[];
    };
    expect(new Set(ready.hosts.map((each) => each.port)).size).toBe(20);
    const last = ready.hosts.at(-1)!;
    const result = await runCommand('ssh', [
      ...['-F', '/dev/null', '-p', String(last.port), '-l', 'visitor', '-i', settings.clientKeyFile],
      ...['-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${settings.knownHostsFile}`],
      ...[
        '-o',
        'StrictHostKeyChecking=yes',
        last.address,
        'echo "$HOME"; setsid sleep 1000 >/dev/null 2>&1 &',
      ],
    ]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const home = result.stdout.trim();
    expect(existsSync(home)).toBe(true);
    expect(JSON.parse((await lines.next()).value as string)).toMatchObject({
      authAttempt: { method: 'publickey', result: 'accepted', to: last },
    });
    child.stdin!.end();
    expect(await ended).toEqual([0, null]);
    expect(existsSync(home)).toBe(false);
    const survivors = processTable().filter(({ pid }) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(home);
      } catch {
        return false;
      }
    });
    expect(survivors).toEqual([]);
  });

  it.each([
    ['{"password": 12345}', "'password' has a wrong value"],
    ['{"passwort": "geheim"}', "unknown key 'passwort'"],
    ['[]', 'not a JSON object'],
    ['password', 'not JSON'],
    ['', 'no settings'],
  ])('refuses %s, and repeats no value', async (settings, reason) => {
    const result = await runCommand('node', [program()], {
      stdin: settings === '' ? '' : `${settings}\n`,
    });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain(reason);
    expect(result.stderr).not.toMatch(/12345|geheim/);
  });
});
