/** Commands as another account, by real sudo with real rules. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type Account,
  addSudoRules,
  createKey,
  createPamService,
  endProcesses,
  processTable,
  type Sshd,
} from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { RexecProcess } from './rexec-process.js';
import type { Credentials } from './seal.js';
import type { spec } from './specs.js';

let fixture: Fixture;
let sshd: Sshd;
const password = 'sudo horse battery';
/** What a failure may take, in milliseconds. */
const failsWithinMs = 15_000;

beforeAll(async () => {
  fixture = await Fixture.create();
  sshd = await fixture.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], maxStartups: 1000 });
});
afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

/** An account with these rules; `USER` in them is its name. */
async function accountWith(rules: readonly string[], options: { shell?: string } = {}): Promise<Account> {
  const account = await fixture.account({ password, ...options });
  const inForce = await addSudoRules(rules.map((rule) => rule.replaceAll('USER', account.name)));
  fixture.owns(() => inForce.remove());
  return account;
}

interface RunOptions {
  readonly runAs?: string;
  readonly credentials?: Credentials;
  readonly argv?: readonly string[];
  readonly changes?: Partial<Parameters<typeof spec>[0]>;
  readonly addresses?: string;
  readonly accounts?: readonly Account[];
}

async function startRun(account: Account, options: RunOptions = {}): Promise<RexecProcess> {
  const { runAs = 'root', credentials = {}, argv = ['id', '-un'], changes = {} } = options;
  const addresses = options.addresses ?? '127.0.1.1';
  const job = await fixture.job(
    { identities: [fixture.identity], ...credentials },
    {
      targets: `${account.name}@${addresses}:${sshd.port}`,
      hostKeys: knownAt(sshd, addresses),
      command: { kind: 'argv', argv: [...argv] },
      ...changes,
      ...(runAs !== '' && { runAs }),
    },
  );
  return fixture.start(job);
}

async function runAs(account: Account, options: RunOptions = {}) {
  const rexec = await startRun(account, options);
  rexec.run(0);
  const outcome = await rexec.outcome(0);
  const said = JSON.stringify(rexec.messages) + JSON.stringify(rexec.output(0)) + rexec.stderr;
  expect(said).not.toContain(password);
  expect(await rexec.close()).toBe(0);
  const { stdout, stderr } = rexec.output(0);
  // sudo says this wherever the host's own name does not resolve, which it need not on the machine of a test.
  const output = { stdout, stderr: stderr.replace(/^sudo: unable to resolve host .*\n/gm, '') };
  return { outcome, output, rexec };
}

/** What of ours lies in root's home for this sshd's hosts: others may use that home at the same time. */
function leftFor(account: 'root'): string[] {
  const locks = Array.from({ length: 8 }, (_, n) =>
    createHash('sha256')
      .update(`127.0.1.${n + 1}:${sshd.port}`)
      .digest('hex')
      .slice(0, 16),
  );
  return readdirSync(`/${account}`).filter((name) => locks.some((lock) => name.startsWith(`.pogo-${lock}`)));
}

describe('a command as another account', () => {
  it('runs with the sudo password, and without one where none is wanted', async () => {
    const asked = await accountWith(['USER ALL=(ALL) ALL']);
    const first = await runAs(asked, { credentials: { sudoPassword: password } });
    expect(first).toMatchObject({
      outcome: { state: 'succeeded' },
      output: { stdout: 'root\n', stderr: '' },
    });
    // The login password serves where no other was sealed.
    const second = await runAs(asked, {
      credentials: { password },
      argv: ['sh', '-c', 'id -un; echo $HOME'],
    });
    expect(second).toMatchObject({ outcome: { state: 'succeeded' }, output: { stdout: 'root\n/root\n' } });

    const free = await accountWith(['USER ALL=(ALL) NOPASSWD: ALL']);
    const third = await runAs(free, { credentials: {} });
    expect(third).toMatchObject({
      outcome: { state: 'succeeded' },
      output: { stdout: 'root\n', stderr: '' },
    });
  });

  it('runs as an account that is not root, whose name needs care', async () => {
    const other = await fixture.account();
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const { output, outcome } = await runAs(account, {
      runAs: other.name,
      credentials: { sudoPassword: password },
      argv: ['sh', '-c', 'id -un; echo "$POGO_USER"; env | grep -c ^LC_ALL='],
    });
    expect(outcome).toMatchObject({ state: 'failed', exitCode: 1 });
    expect(output.stdout).toBe(`${other.name}\nada\n0\n`);
    // Quotes, blanks and escapes reach sudo as one word, from every login shell.
    const odd = await runAs(account, {
      runAs: `no'such\\"$(id)%u!`,
      credentials: { sudoPassword: password },
    });
    expect(odd.outcome).toMatchObject({ state: 'denied', reason: 'sudo-failed' });
    expect(odd.outcome.message).toContain(`unknown user no'such\\"$(id)%u!`);
  });

  it('passes every byte of the command, and none of the password where sudo did not want it', async () => {
    const account = await accountWith(['USER ALL=(ALL) NOPASSWD: ALL']);
    const word = `a'b"c\\d$e!f%g\n\té\u{1f600}`;
    const { output } = await runAs(account, {
      credentials: { sudoPassword: password },
      argv: ['sh', '-c', 'printf %s "$1"; cat', 'sh', word],
    });
    expect(output).toEqual({ stdout: word, stderr: '' });
  });

  const shells = ['/bin/bash', '/bin/dash', '/usr/bin/zsh', '/usr/bin/ksh', '/usr/bin/fish', '/usr/bin/tcsh'];
  it.each(shells)('comes through %s with start files that talk, trace and stain', async (shell) => {
    expect(existsSync(shell)).toBe(true);
    const account = await accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER lecture=always'], { shell });
    const noisy = 'echo "welcome, [sudo] password for you: "\n';
    for (const file of ['.bashrc', '.zshenv', '.kshrc', '.tcshrc', '.cshrc', '.config/fish/config.fish']) {
      const path = join(account.home, file);
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      const trace = file.includes('csh')
        ? 'set echo\n'
        : file.includes('fish')
          ? 'set fish_trace 1\n'
          : 'set -xv\n';
      writeFileSync(path, `${noisy}${trace}`, { mode: 0o644 });
    }
    const { outcome, output } = await runAs(account, { credentials: { sudoPassword: password } });
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(output.stdout).toBe('root\n');
  });

  it('runs, and is killed, where sudo records everything that passes', async () => {
    const records = fixture.directory.file('sudo-io');
    const account = await accountWith([
      'USER ALL=(ALL) ALL',
      `Defaults:USER log_output, log_input, iolog_dir=${records}, use_pty`,
    ]);
    const credentials = { sudoPassword: password };
    const { outcome, output } = await runAs(account, { credentials, argv: ['sh', '-c', 'id -un; exit 3'] });
    expect(outcome).toMatchObject({ state: 'failed', exitCode: 3 });
    expect(output.stdout).toBe('root\n');
    const halted = await startRun(account, { credentials, argv: ['sleep', '71004'] });
    halted.run(0);
    await halted.report(0, 'started');
    halted.order({ type: 'halt', kill: true });
    expect(await halted.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(await halted.close()).toBe(0);
    expect(existsSync(records)).toBe(true);
  });

  it('is killed with all that it started, by a halt, a time limit, and a connection that is cut', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const sleeping = (seconds: number) =>
      processTable().filter(({ argv }) => argv.join(' ').includes(`sleep ${seconds}`));
    const credentials = { sudoPassword: password };
    const argv = (seconds: number) => ['sh', '-c', `sleep ${seconds} & trap "" TERM; sleep ${seconds}`];

    const halted = await startRun(account, { credentials, argv: argv(71001) });
    halted.run(0);
    await halted.report(0, 'started');
    expect(sleeping(71001).every(({ uid }) => uid === 0)).toBe(true);
    halted.order({ type: 'halt', kill: true });
    expect(await halted.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(sleeping(71001)).toEqual([]);

    const late = await runAs(account, {
      credentials,
      argv: argv(71002),
      changes: { timeouts: { connectMs: 5000, handshakeMs: 10_000, commandMs: 500 } },
    });
    expect(late.outcome).toMatchObject({ state: 'timed-out' });
    expect(sleeping(71002)).toEqual([]);

    const cut = await startRun(account, { credentials, argv: argv(71003) });
    cut.run(0);
    await cut.report(0, 'started');
    expect(sleeping(71003)).not.toEqual([]);
    await cut.hangUp();
    await expect.poll(() => sleeping(71003), { timeout: 20_000 }).toEqual([]);
    // What is remembered of it lies with the account that it ran as, and is asked for there.
    const later = await startRun(account, { credentials, argv: argv(71003) });
    later.settle({ host: 0, attempt: 1, index: cut.index });
    expect(await later.outcome(0)).toMatchObject({ state: 'killed', reason: 'connection-closed' });
    expect(await later.close()).toBe(0);
    expect(await halted.close()).toBe(0);
    expect(leftFor('root')).toEqual([]);
  });
});

describe('sudo that refuses', () => {
  async function failure(account: Account, options: RunOptions = {}) {
    const beganMs = performance.now();
    const { outcome } = await runAs(account, options);
    expect(performance.now() - beganMs).toBeLessThan(failsWithinMs);
    return outcome;
  }

  it('a wrong password: once, and not tried again', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const outcome = await failure(account, { credentials: { sudoPassword: 'wrong' } });
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-refused' });
    expect(outcome.message).toBe(
      `${account.name}@127.0.1.1:${sshd.port} as root: sudo refused the password.`,
    );
    const once = await accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER passwd_tries=1, insults']);
    expect(await failure(once, { credentials: { sudoPassword: 'wrong' } })).toMatchObject({
      reason: 'sudo-password-refused',
    });
  });

  it('no password at all, or one that sudo could not read whole', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    expect(await failure(account)).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-needed' });
    for (const sudoPassword of [`${password}\nid`, `${password}\rid`, 'x'.repeat(256)]) {
      expect(await failure(account, { credentials: { sudoPassword } })).toMatchObject({
        reason: 'sudo-password-needed',
      });
    }
  });

  it('an account without rules, and one that may be others only', async () => {
    const none = await accountWith([]);
    const credentials = { sudoPassword: password };
    const unknown = await failure(none, { credentials });
    expect(unknown).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    expect(unknown.message).toContain('is not in the sudoers file');
    const other = await fixture.account();
    const some = await accountWith([`USER ALL=(${other.name}) ALL`]);
    const forbidden = await failure(some, { credentials });
    expect(forbidden).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    expect(forbidden.message).toContain('is not allowed to execute');
  });

  it('requiretty', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER requiretty']);
    const outcome = await failure(account, { credentials: { sudoPassword: password } });
    expect(outcome).toMatchObject({ state: 'denied', reason: 'sudo-requires-tty' });
  });

  it('a PATH without sudo, and an account without a shell', async () => {
    const account = await accountWith(['USER ALL=(ALL) NOPASSWD: ALL'], { shell: '/bin/bash' });
    writeFileSync(join(account.home, '.bashrc'), 'export PATH=/nowhere\n', { mode: 0o644 });
    expect(await failure(account)).toMatchObject({ state: 'denied', reason: 'sudo-missing' });
    const shut = await accountWith(['USER ALL=(ALL) NOPASSWD: ALL'], { shell: '/bin/false' });
    expect(await failure(shut)).toMatchObject({ state: 'unreachable', reason: 'shell-unusable' });
  });

  it('sudo that never says anything', async () => {
    const pam = createPamService([
      'auth required pam_exec.so quiet /bin/sleep 60',
      'account required pam_permit.so',
    ]);
    fixture.owns(() => pam.remove());
    const account = await accountWith(['USER ALL=(ALL) ALL', `Defaults:USER pam_service=${pam.name}`]);
    expect(await failure(account, { credentials: { sudoPassword: password } })).toMatchObject({
      state: 'denied',
      reason: 'sudo-failed',
    });
  });

  it('three wrong passwords without a right one: the job is told, and nobody else is asked', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const addresses = '127.0.1.[1-8]';
    const rexec = await startRun(account, { credentials: { sudoPassword: 'wrong' }, addresses });
    rexec.run(0, 1, 2, 3, 4, 5, 6, 7);
    await rexec.message('password-refused');
    const outcomes = await rexec.outcomes([0, 1, 2, 3, 4, 5, 6, 7]);
    const reasons = outcomes.map(({ reason }) => reason).sort();
    expect(reasons.filter((reason) => reason === 'sudo-password-refused')).toHaveLength(3);
    expect(reasons.filter((reason) => reason === 'password-withheld')).toHaveLength(5);
  });

  it('one right password lets all others in at once', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const rexec = await startRun(account, {
      credentials: { sudoPassword: password },
      addresses: '127.0.1.[1-8]',
    });
    rexec.run(0, 1, 2, 3, 4, 5, 6, 7);
    const outcomes = await rexec.outcomes([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(8).fill('succeeded'));
    expect(await rexec.close()).toBe(0);
    expect(leftFor('root')).toEqual([]);
  });

  it('sends no password to a host whose key nobody has vouched for', async () => {
    const account = await accountWith(['USER ALL=(ALL) ALL']);
    const outcome = await failure(account, {
      credentials: { sudoPassword: password },
      changes: { hostKeys: { policy: 'accept-new', known: [] } },
    });
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'host-key-unproven' });
  });
});

describe('sudoers that allow the command alone', () => {
  const note = 'Pogo may be unable to end it';

  it('run it, and say that it could not have been ended', async () => {
    const account = await accountWith([
      'USER ALL=(root) /usr/bin/id -un, /usr/bin/cat, /usr/bin/sh -c exit?7',
    ]);
    const credentials = { sudoPassword: password };
    const first = await runAs(account, { credentials, argv: ['/usr/bin/id', '-un'] });
    expect(first.outcome).toMatchObject({
      state: 'succeeded',
      message: expect.stringContaining(note) as string,
    });
    expect(first.output).toEqual({ stdout: 'root\n', stderr: '' });
    // What is left on stdin is nothing, least of all the password.
    const second = await runAs(account, { credentials, argv: ['/usr/bin/cat'] });
    expect(second).toMatchObject({ outcome: { state: 'succeeded' }, output: { stdout: '', stderr: '' } });
    const third = await runAs(account, { credentials, argv: ['/usr/bin/sh', '-c', 'exit 7'] });
    expect(third.outcome).toMatchObject({ state: 'failed', exitCode: 7 });
    const fourth = await runAs(account, { credentials, argv: ['/usr/bin/id', '-u'] });
    expect(fourth.outcome).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    const fifth = await runAs(account, { argv: ['/usr/bin/id', '-un'] });
    expect(fifth.outcome).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-needed' });
  });

  it('run it without a password where none is wanted', async () => {
    const account = await accountWith(['USER ALL=(root) NOPASSWD: /usr/bin/id -un']);
    for (const credentials of [{}, { sudoPassword: password }]) {
      const { outcome, output } = await runAs(account, { credentials, argv: ['/usr/bin/id', '-un'] });
      expect(outcome).toMatchObject({ state: 'succeeded' });
      expect(output).toEqual({ stdout: 'root\n', stderr: '' });
    }
  });

  it('leave what is remembered of an attempt with the login user, where it is asked for', async () => {
    const account = await accountWith(['USER ALL=(root) NOPASSWD: /usr/bin/sleep']);
    const first = await startRun(account, { argv: ['/usr/bin/sleep', '73001'] });
    first.run(0);
    await first.report(0, 'started');
    await first.hangUp();
    const second = await startRun(account, { argv: ['/usr/bin/sleep', '73001'] });
    second.settle({ host: 0, attempt: 1, index: first.index });
    expect(await second.outcome(0)).toMatchObject({ state: 'killed', reason: 'connection-closed' });
    expect(await second.close()).toBe(0);
    expect(readdirSync(account.home).filter((name) => name.startsWith('.pogo'))).toEqual([]);
  });

  it('make a kill unconfirmed, where sudo does not pass it on or the command does not listen', async () => {
    const deaf = fixture.directory.file('deaf');
    writeFileSync(deaf, '#!/bin/sh\ntrap "" TERM\necho deaf\nsleep 72001\n', { mode: 0o755 });
    const account = await accountWith([`USER ALL=(root) NOPASSWD: ${deaf}`]);
    const rexec = await startRun(account, { argv: [deaf] });
    rexec.run(0);
    await rexec.until(() => (rexec.output(0).stdout === 'deaf\n' ? true : undefined));
    rexec.order({ type: 'halt', kill: true });
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'unknown', reason: 'kill-unconfirmed' });
    expect(outcome.message).toContain(note);
    const left = processTable().filter(({ argv }) => /sleep 72001|\/deaf/.test(argv.join(' ')));
    expect(left).not.toEqual([]);
    endProcesses(() => processTable().filter(({ argv }) => /sleep 72001|\/deaf/.test(argv.join(' '))));
  });
});

describe('a forwarded agent', () => {
  const kinds = ['ed25519', 'rsa', 'ecdsa'] as const;

  it('that the worker does not allow refuses the job', async () => {
    const account = await fixture.account();
    const { outcome } = await runAs(account, { runAs: '', changes: { forwardAgent: true } });
    expect(outcome).toMatchObject({ state: 'denied', reason: 'agent-forwarding-not-allowed' });
  });

  it('lists and signs for OpenSSH on the host, and does nothing else', async () => {
    const directory = fixture.directory.path;
    const keys = await Promise.all(
      kinds.map((type) => createKey({ directory, type, name: `agent-${type}` })),
    );
    const identities = keys.map((key) => ({
      label: key.privatePath,
      privateKey: readFileSync(key.privatePath, 'utf8'),
    }));
    const account = await fixture.account({ authorizedKeys: keys.map(({ publicLine }) => publicLine) });
    const script = [
      'ssh-add -L',
      'ssh-add -D; echo "D $?"',
      'ssh-add -x </dev/null; echo "x $?"',
      'ssh-keygen -q -t ed25519 -N "" -f fresh && ssh-add fresh; echo "add $?"',
      'ssh-add -l | wc -l',
      // Logs in again from the host, with each key in turn, through what is forwarded.
      'ssh-keyscan -p $1 127.0.1.1 >known 2>/dev/null',
      'ssh-add -L >keys; n=0',
      'while read -r line; do n=$((n + 1)); echo "$line" >key$n.pub',
      'ssh -n -o UserKnownHostsFile=known -o IdentitiesOnly=yes -o IdentityFile=key$n.pub -p $1 127.0.1.1 echo "hop $n"; done <keys',
    ].join('\n');
    const job = await fixture.job(
      { identities },
      {
        targets: `${account.name}@127.0.1.1:${sshd.port}`,
        hostKeys: knownAt(sshd, '127.0.1.1'),
        command: { kind: 'argv', argv: ['/bin/sh', '-c', script, 'sh', String(sshd.port)] },
        forwardAgent: true,
      },
    );
    const rexec = await fixture.start({ ...job, allowAgentForwarding: true });
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
    const { stdout } = rexec.output(0);
    for (const { publicLine } of keys) expect(stdout).toContain(publicLine.split(' ')[1]);
    expect(stdout).toMatch(/^D 1$/m);
    expect(stdout).toMatch(/^x 1$/m);
    expect(stdout).toMatch(/^add 1$/m);
    expect(stdout).toMatch(/^3$/m);
    for (const n of [1, 2, 3]) expect(stdout).toMatch(new RegExp(`^hop ${n}$`, 'm'));
  });

  it.each(['ed25519', 'rsa'] as const)(
    'of %s is all that sudo with pam_ssh_agent_auth wants',
    async (type) => {
      const key = await createKey({ directory: fixture.directory.path, type, name: `sudo-${type}` });
      const pam = createPamService(
        [
          'auth required pam_ssh_agent_auth.so file=FILE',
          'account required pam_permit.so',
          'session required pam_permit.so',
        ],
        `${key.publicLine.trim()}\n`,
      );
      fixture.owns(() => pam.remove());
      const account = await accountWith([
        'USER ALL=(ALL) ALL',
        `Defaults:USER pam_service=${pam.name}`,
        'Defaults:USER env_keep += "SSH_AUTH_SOCK"',
      ]);
      account.authorize([key.publicLine]);
      const identity = { label: 'id_sudo', privateKey: readFileSync(key.privatePath, 'utf8') };
      const run = async (forward: boolean) => {
        const job = await fixture.job(
          { identities: [identity] },
          {
            targets: `${account.name}@127.0.1.1:${sshd.port}`,
            hostKeys: knownAt(sshd, '127.0.1.1'),
            command: { kind: 'argv', argv: ['id', '-un'] },
            runAs: 'root',
            ...(forward && { forwardAgent: true as const }),
          },
        );
        const rexec = await fixture.start({ ...job, allowAgentForwarding: true });
        rexec.run(0);
        const outcome = await rexec.outcome(0);
        return { outcome, stdout: rexec.output(0).stdout };
      };
      expect(await run(true)).toMatchObject({ outcome: { state: 'succeeded' }, stdout: 'root\n' });
      const without = await run(false);
      expect(without.outcome.state).not.toBe('succeeded');
      expect(without.stdout).toBe('');
    },
  );
});
