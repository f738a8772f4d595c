/** Everything that goes wrong on the way to a host has its state, its code and a sentence that says what to do. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ReasonCode } from '@pogo/core';
import type { Account, Key, Sshd } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchLogins } from './support/login-evidence.js';
import { type OddHosts, startOddHosts } from './support/odd-hosts.js';
import { openScene, reasonOf, type RunDocument, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let account: Account;
let sshd: Sshd;
let key: Key;
let oddHosts: OddHosts;
let withFalseShell: Account;
let withoutKey: Account;

const silent = '127.0.9.1';
const closing = '127.0.9.2';

beforeAll(async () => {
  scene = await openScene();
  key = await scene.key();
  account = await scene.account({ password: 'right', authorizedKeys: [key.publicLine] });
  withFalseShell = await scene.account({ shell: '/bin/false', authorizedKeys: [key.publicLine] });
  withoutKey = await scene.account({ password: 'right' });
  sshd = await scene.sshd({ methods: ['publickey', 'password'] });
  oddHosts = await startOddHosts(scene.namespace, sshd.port + 1, {
    [silent]: 'silent',
    [closing]: 'closes-in-handshake',
  });
});

afterAll(async () => {
  await oddHosts?.stop();
  await scene.close();
});

/** Host keys of all hosts of the mixed list but the unknown one; the changed one has somebody else's. */
async function mixedKnownHosts(changed: string): Promise<string> {
  const right = sshd.knownHosts([...sshd.addresses(9).filter((address) => address !== changed)]);
  const impostor = await scene.key();
  const wrong = sshd.knownHosts([changed], { keys: [impostor.publicLine] });
  const path = scene.file('mixed_known_hosts');
  const unknown = sshd.address(7);
  const lines = `${readFileSync(right, 'utf8')}${readFileSync(wrong, 'utf8')}`
    .split('\n')
    .filter((line) => !line.startsWith(`[${unknown}]`));
  writeFileSync(path, lines.join('\n'));
  return path;
}

function outcomeOf({ hosts }: RunDocument, host: string) {
  const found = hosts.find((candidate) => candidate.host === host);
  if (found === undefined) throw new Error(`${host} is not in ${hosts.map((each) => each.host).join(' ')}`);
  return found;
}

describe('a job over healthy and sick hosts', () => {
  let expected: Record<string, ReasonCode>;
  let args: string[];
  const healthy = ['127.0.1.1', '127.0.1.2', '127.0.1.3'];

  beforeAll(async () => {
    const changed = sshd.address(8);
    expected = {
      [sshd.address(5)]: 'key-refused',
      [sshd.address(6)]: 'connection-refused',
      [sshd.address(7)]: 'host-key-unknown',
      [changed]: 'host-key-changed',
      [sshd.address(9)]: 'shell-unusable',
      '10.1.2.3': 'no-route',
      'no-such-host.invalid': 'dns',
      [silent]: 'handshake-timeout',
      [closing]: 'handshake',
    };
    args = [
      ...['-h', healthy.join(','), '-l', account.name, '-p', String(sshd.port)],
      ...['-h', `${withoutKey.name}@${sshd.address(5)}`],
      ...['-h', `${sshd.address(6)}:${sshd.port - 1}`],
      ...['-h', `${sshd.address(7)},${changed}`],
      ...['-h', `${withFalseShell.name}@${sshd.address(9)}`],
      ...['-h', '10.1.2.3,no-such-host.invalid'],
      ...['-h', `${silent}:${oddHosts.port},${closing}:${oddHosts.port}`],
      ...['--identity', key.privatePath, '--auth', 'publickey'],
      ...['--known-hosts', await mixedKnownHosts(changed)],
      ...['--', 'echo', 'hello'],
    ];
    scene.configure('handshake_timeout: 2s\nconnect_timeout: 2s\n');
  });
  afterAll(() => scene.configure(''));

  it('gives each its state and reason in the document and in the API, while the healthy ones finish', async () => {
    const evidence = watchLogins(sshd);
    const { result, document } = await scene.runJson(args);
    expect(document.exitCode).toBe(4);
    expect(result.exitCode).toBe(4);
    expect(document.job.state).toBe('failed');
    expect(
      Object.fromEntries(
        document.hosts
          .filter(({ host }) => !healthy.includes(host))
          .map(({ host, outcome }) => [host, outcome?.reason]),
      ),
    ).toEqual(expected);
    for (const host of healthy)
      expect(outcomeOf(document, host)).toMatchObject({ state: 'succeeded', stdout: 'hello\n' });
    const shown = await scene.hosts(document.job.id);
    expect(shown).toHaveLength(document.hosts.length);
    for (const [host, reason] of Object.entries(expected)) {
      const { state } = reasonOf(reason);
      expect(outcomeOf(document, host).state, host).toBe(state);
      expect(shown.find((each) => each.host === host)).toMatchObject({ state, outcome: { state, reason } });
      // A sentence of its own: what was seen there.
      expect(outcomeOf(document, host).outcome?.message, host).toMatch(/\S+ \S+ .*\.$/);
    }
    // Hosts whose key is unknown or changed have got nothing.
    const addresses = evidence.attempts().map(({ to }) => to?.address);
    expect(addresses).not.toContain(sshd.address(7));
    expect(addresses).not.toContain(sshd.address(8));
    expect(evidence.passwordAttempts()).toEqual([]);
  });

  it('says in the summary what to do about each', async () => {
    const result = await scene.run(['run', ...args]);
    expect(result.exitCode).toBe(4);
    expect(result.stdout.trimEnd().split('\n').sort()).toEqual(healthy.map((host) => `${host}: hello`));
    for (const [host, reason] of Object.entries(expected)) {
      const { state, advice } = reasonOf(reason);
      expect(result.stderr).toContain(`${state} (${reason})`);
      expect(result.stderr, reason).toContain(advice);
      expect(result.stderr).toContain(host);
    }
    const status = await scene.run(['status', 'last', '--hosts']);
    for (const [host, reason] of Object.entries(expected))
      expect(status.stdout).toMatch(new RegExp(`^  ${host.replaceAll('.', '\\.')} .*\\(${reason}\\)`, 'm'));
  });
});

describe('a single failure', () => {
  async function runOn(host: string, more: readonly string[], command = ['echo', 'hello']) {
    return scene.runJson([
      ...['-h', host, '-l', account.name, '-p', String(sshd.port)],
      ...['--known-hosts', sshd.knownHosts(sshd.addresses(3))],
      ...more,
      '--',
      ...command,
    ]);
  }

  it('that is a wrong password is told apart from a refused key: exit 4', async () => {
    const wrong = scene.file('wrong', 'hunter-wrong-17\n');
    const { result, document } = await runOn('127.0.1.1', ['--password-file', wrong, '--auth', 'password']);
    expect(result.exitCode).toBe(4);
    expect(document.hosts[0]).toMatchObject({
      state: 'auth-failed',
      outcome: { reason: 'password-refused', methodsTried: ['password'] },
    });
    expect(result.stderr).toContain(reasonOf('password-refused').advice);
    expect(result.stderr).toContain(account.name);
    expect(result.stderr).not.toContain('hunter-wrong-17');
  });

  it('of several methods names all that were tried: exit 4', async () => {
    const wrong = scene.file('wrong', 'hunter-wrong-17\n');
    const stranger = await scene.key();
    const { result, document } = await runOn('127.0.1.1', [
      ...['--password-file', wrong, '--identity', stranger.privatePath, '--auth', 'publickey,password'],
    ]);
    expect(result.exitCode).toBe(4);
    expect(document.hosts[0]).toMatchObject({
      state: 'auth-failed',
      outcome: { reason: 'methods-refused', methodsTried: ['publickey', 'password'] },
    });
  });

  it('of a method that the host does not offer is no refusal: exit 4', async () => {
    const right = scene.file('right', 'right\n');
    const { result, document } = await runOn('127.0.1.1', [
      ...['--password-file', right, '--auth', 'keyboard-interactive'],
    ]);
    expect(result.exitCode).toBe(4);
    expect(document.hosts[0]).toMatchObject({
      state: 'auth-failed',
      outcome: { reason: 'no-common-method' },
    });
  });

  it('of the command is exit 5, with its status, also where hosts were unreachable with another code', async () => {
    const identity = ['--identity', key.privatePath];
    const failed = await runOn('127.0.1.[1-2]', identity, ['sh', '-c', 'exit 7']);
    expect(failed.result.exitCode).toBe(5);
    expect(failed.document.hosts[0]).toMatchObject({
      state: 'failed',
      outcome: { reason: 'exit-nonzero', exitCode: 7 },
    });
    expect(failed.result.stderr).toContain('exit status 7');
    const both = await runOn('127.0.1.1,10.1.2.3', identity, ['sh', '-c', 'exit 7']);
    expect(statesOf(both.document)).toEqual({ failed: 1, unreachable: 1 });
    expect(both.result.exitCode).toBe(4);
  });
});
