/** `--run-as` from the command line to the process table of a host, in all three ways. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homeLayout } from '@pogo/protocol';
import { type Account, addSudoRules, type Key, processTable, type Sshd } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { restartWorker } from './support/restart-worker.js';
import { openScene, type Scene } from './support/scene.js';
import { allowSudoByAgent } from './support/sudo-by-agent.js';

let scene: Scene;
let sshd: Sshd;
let key: Key;
const undo: (() => void)[] = [];
const password = 'sudo horse battery';

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  sshd = await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
  key = await scene.key();
});

afterAll(async () => {
  for (const remove of undo) remove();
  await scene.close();
});

/** An account with these rules; `USER` in them is its name. */
async function accountWith(...rules: string[]): Promise<Account> {
  const account = await scene.account({ password, authorizedKeys: [key.publicLine] });
  const inForce = await addSudoRules(rules.map((rule) => rule.replaceAll('USER', account.name)));
  undo.push(() => inForce.remove());
  return account;
}

function argumentsFor(account: Account, more: readonly string[], command: readonly string[]): string[] {
  return [
    ...['-h', '127.0.1.1', '-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(['127.0.1.1']), ...more],
    ...['--', ...command],
  ];
}

async function run(account: Account, more: readonly string[], ...command: string[]) {
  const beganMs = performance.now();
  const { document } = await scene.runJson(argumentsFor(account, more, command));
  return { host: document.hosts[0]!, tookMs: performance.now() - beganMs };
}

describe('pogo run --run-as', () => {
  it('runs as the other account: with a password, without one, and by a forwarded agent', async () => {
    const file = scene.file('sudo-password', `${password}\n`);
    const asked = await accountWith('USER ALL=(ALL) ALL');
    const byPassword = await run(asked, ['--run-as', 'root', '--sudo-password-file', file], 'id', '-un');
    expect(byPassword.host).toMatchObject({ state: 'succeeded', stdout: 'root\n' });

    const free = await accountWith('USER ALL=(ALL) NOPASSWD: ALL');
    const passwordless = await run(free, ['--run-as', 'root'], 'id', '-un');
    expect(passwordless.host).toMatchObject({ state: 'succeeded', stdout: 'root\n' });

    const byKey = allowSudoByAgent(key);
    undo.push(() => byKey.remove());
    const agent = await accountWith(...byKey.rules);
    const forbidden = await run(agent, ['--run-as', 'root', '--forward-agent'], 'id', '-un');
    expect(forbidden.host).toMatchObject({
      state: 'denied',
      outcome: { reason: 'agent-forwarding-not-allowed' },
    });
    const { config } = homeLayout(scene.cluster.home).worker;
    writeFileSync(config, `${readFileSync(config, 'utf8')}\nallowAgentForwarding: true\n`);
    await restartWorker(scene);
    const byAgent = await run(agent, ['--run-as', 'root', '--forward-agent'], 'id', '-un');
    expect(byAgent.host).toMatchObject({ state: 'succeeded', stdout: 'root\n' });
  });

  it('says in good time what stands in its way', async () => {
    const right = scene.file('right', `${password}\n`);
    const wrong = scene.file('wrong', 'not it\n');
    const cases: [string, Account, string[]][] = [
      ['sudo-password-refused', await accountWith('USER ALL=(ALL) ALL'), ['--sudo-password-file', wrong]],
      ['sudo-password-needed', await accountWith('USER ALL=(ALL) ALL'), []],
      ['sudo-not-allowed', await accountWith('USER ALL=(nobody) ALL'), ['--sudo-password-file', right]],
      [
        'sudo-requires-tty',
        await accountWith('USER ALL=(ALL) ALL', 'Defaults:USER requiretty'),
        ['--sudo-password-file', right],
      ],
    ];
    for (const [reason, account, more] of cases) {
      const { host, tookMs } = await run(account, ['--run-as', 'root', ...more], 'id', '-un');
      expect(host.outcome).toMatchObject({ reason });
      expect(host.stdout ?? '').toBe('');
      expect(tookMs).toBeLessThan(15_000);
    }
  });

  it('is killed by `pogo halt --kill`, and nothing of it is left', async () => {
    const account = await accountWith('USER ALL=(ALL) NOPASSWD: ALL');
    const words = ['sh', '-c', 'echo begun; sleep 74001 & sleep 74001'];
    const left = () => processTable().filter(({ argv }) => argv.join(' ').includes('sleep 74001'));
    const child = scene.cluster.spawn(['run', ...argumentsFor(account, ['--run-as', 'root'], words)]);
    let said = '';
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('begun')) resolve();
      });
    });
    expect(left().some(({ uid }) => uid === 0)).toBe(true);
    const { jobs } = JSON.parse((await scene.api('GET', '/v1/jobs')).body) as { jobs: { id: string }[] };
    const halted = await scene.run(['halt', '--kill', jobs[0]!.id]);
    expect(halted.exitCode).toBe(0);
    await ended;
    expect(left()).toEqual([]);
  });

  it('leaves neither the password nor anything else on the host', async () => {
    const account = await accountWith('USER ALL=(ALL) ALL');
    const file = scene.file('sudo-password-2', `${password}\n`);
    const script =
      'tr "\\0" "\\n" </proc/self/environ; cat /proc/$PPID/cmdline /proc/$PPID/environ; ls -A /root';
    const { host } = await run(
      account,
      ['--run-as', 'root', '--sudo-password-file', file],
      ...['sh', '-c', script],
    );
    expect(host.state).toBe('succeeded');
    expect(host.stdout).not.toContain(password);
    // Others may use root's home at the same time: only the lock of this host counts.
    const lock = createHash('sha256').update(`127.0.1.1:${sshd.port}`).digest('hex').slice(0, 16);
    const locks = (text: string) => text.split('\n').filter((name) => name.startsWith(`.pogo-${lock}`));
    expect(locks(host.stdout ?? '')).toHaveLength(1);
    await vi.waitFor(() => expect(locks(readdirSync('/root').join('\n'))).toEqual([]), { timeout: 10_000 });
  });
});
