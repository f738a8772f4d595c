/** The forwarded agent: what it does on a host, and for sudo there. */
import { readFileSync } from 'node:fs';
import { createKey, createPamService } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { knownAt } from './fixture.js';
import { SudoFixture } from './sudo-fixture.js';

let sudo: SudoFixture;

beforeAll(async () => {
  sudo = await SudoFixture.create();
});
afterAll(() => sudo?.end());
afterEach(() => sudo.hangUp());

describe('a forwarded agent', () => {
  const kinds = ['ed25519', 'rsa', 'ecdsa'] as const;

  it('that the worker does not allow refuses the job', async () => {
    const account = await sudo.fixture.account();
    const { outcome } = await sudo.run(account, { runAs: '', changes: { forwardAgent: true } });
    expect(outcome).toMatchObject({ state: 'denied', reason: 'agent-forwarding-not-allowed' });
  });

  it('lists and signs for OpenSSH on the host, and does nothing else', async () => {
    const directory = sudo.fixture.directory.path;
    const keys = await Promise.all(
      kinds.map((type) => createKey({ directory, type, name: `agent-${type}` })),
    );
    const identities = keys.map((key) => ({
      label: key.privatePath,
      privateKey: readFileSync(key.privatePath, 'utf8'),
    }));
    const account = await sudo.fixture.account({ authorizedKeys: keys.map(({ publicLine }) => publicLine) });
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
    const job = await sudo.fixture.job(
      { identities },
      {
        targets: `${account.name}@127.0.1.1:${sudo.sshd.port}`,
        hostKeys: knownAt(sudo.sshd, '127.0.1.1'),
        command: { kind: 'argv', argv: ['/bin/sh', '-c', script, 'sh', String(sudo.sshd.port)] },
        forwardAgent: true,
      },
    );
    const rexec = await sudo.fixture.start({ ...job, allowAgentForwarding: true });
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
      const key = await createKey({ directory: sudo.fixture.directory.path, type, name: `sudo-${type}` });
      const pam = createPamService(
        [
          'auth required pam_ssh_agent_auth.so file=FILE',
          'account required pam_permit.so',
          'session required pam_permit.so',
        ],
        `${key.publicLine.trim()}\n`,
      );
      sudo.fixture.owns(() => pam.remove());
      const account = await sudo.accountWith([
        'USER ALL=(ALL) ALL',
        `Defaults:USER pam_service=${pam.name}`,
        'Defaults:USER env_keep += "SSH_AUTH_SOCK"',
      ]);
      account.authorize([key.publicLine]);
      const identity = { label: 'id_sudo', privateKey: readFileSync(key.privatePath, 'utf8') };
      const run = async (forward: boolean) => {
        const job = await sudo.fixture.job(
          { identities: [identity] },
          {
            targets: `${account.name}@127.0.1.1:${sudo.sshd.port}`,
            hostKeys: knownAt(sudo.sshd, '127.0.1.1'),
            command: { kind: 'argv', argv: ['id', '-un'] },
            runAs: 'root',
            ...(forward && { forwardAgent: true as const }),
          },
        );
        const rexec = await sudo.fixture.start({ ...job, allowAgentForwarding: true });
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
