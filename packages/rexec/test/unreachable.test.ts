import { type Account, type OddHost, refusedPort, type Sshd, startOddHost } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';

let fixture: Fixture;
let sshd: Sshd;
let account: Account;
const odd: OddHost[] = [];

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account();
  sshd = await fixture.sshd();
});

afterAll(() => fixture?.end());
afterEach(async () => {
  await fixture.hangUp();
  for (const host of odd.splice(0)) await host.stop();
});

const timeouts = { connectMs: 2000, handshakeMs: 1500, commandMs: 20_000 };

/** One job with the host under test, and one that works: the first must not disturb the second. */
async function outcomeOf(target: string, options: { namespace?: boolean } = {}) {
  const good = `${account.name}@127.0.1.1:${sshd.port}`;
  const job = await fixture.job(
    { identities: [fixture.identity] },
    { targets: `${target},${good}`, timeouts, hostKeys: knownAt(sshd, '127.0.1.[1-9]') },
  );
  const rexec = await fixture.start(job, options);
  rexec.run(0, 1);
  const [outcome, other] = await rexec.outcomes([0, 1]);
  if (options.namespace !== false) expect(other).toMatchObject({ state: 'succeeded' });
  return outcome;
}

describe('a host that cannot be reached has its own reason', () => {
  it('when nothing listens there', async () => {
    expect(await outcomeOf('deploy@127.0.9.9:9')).toMatchObject({
      state: 'unreachable',
      reason: 'connection-refused',
      message: 'deploy@127.0.9.9:9 cannot be reached: connection refused.',
      methodsTried: [],
    });
  });

  it('when there is no route to it', async () => {
    expect(await outcomeOf('deploy@192.0.2.1:22')).toMatchObject({
      state: 'unreachable',
      reason: 'no-route',
      message: 'deploy@192.0.2.1:22 cannot be reached: network is unreachable.',
    });
  });

  it('when its name does not resolve', async () => {
    expect(await outcomeOf('deploy@nowhere.invalid:22')).toMatchObject({
      state: 'unreachable',
      reason: 'dns',
      message: expect.stringContaining('deploy@nowhere.invalid:22 cannot be reached: '),
    });
  });

  it('when it swallows what is sent to it', async () => {
    // A backlog of one that is full drops what comes.
    await fixture.swallow('127.0.9.1', 2222);
    expect(await outcomeOf('deploy@127.0.9.1:2222')).toMatchObject({
      state: 'unreachable',
      reason: 'connect-timeout',
      message: 'deploy@127.0.9.1:2222 cannot be reached: no answer within 2 s.',
    });
  });
});

describe('a host that answers, but not as an SSH server does', () => {
  const start = async (oddity: Parameters<typeof startOddHost>[0]) => {
    const host = await startOddHost(oddity);
    odd.push(host);
    return host;
  };
  const outcomeOfOdd = async (host: OddHost) =>
    outcomeOf(`deploy@127.0.0.1:${host.port}`, { namespace: false });

  it('accepts TCP and says nothing', async () => {
    const host = await start('silent');
    expect(await outcomeOfOdd(host)).toMatchObject({
      state: 'unreachable',
      reason: 'handshake-timeout',
      message: `deploy@127.0.0.1:${host.port} cannot be reached: it said nothing for 1.5 s.`,
    });
  });

  it.each(['closes-in-handshake', 'closes-at-once', 'garbage', 'garbage-after-version'] as const)(
    '%s',
    async (oddity) => {
      const host = await start(oddity);
      const outcome = await outcomeOfOdd(host);
      expect(outcome).toMatchObject({ state: 'unreachable' });
      expect(outcome!.reason).toBe('handshake');
      expect(outcome!.message).toMatch(/^deploy@127\.0\.0\.1:\d+ cannot be reached: [ -~]+\.$/);
    },
  );

  it('refuses connections', async () => {
    const port = await refusedPort();
    expect(await outcomeOf(`deploy@127.0.0.1:${port}`, { namespace: false })).toMatchObject({
      reason: 'connection-refused',
    });
  });
});

describe('a host that lets in, but runs nothing', () => {
  it('because its account has no shell', async () => {
    const shelled = await fixture.account({ shell: '/bin/false' });
    expect(await outcomeOf(`${shelled.name}@127.0.1.2:${sshd.port}`)).toMatchObject({
      state: 'unreachable',
      reason: 'shell-unusable',
      methodsTried: ['publickey'],
      message: `The login shell at ${shelled.name}@127.0.1.2:${sshd.port} exited with status 1 without running the command.`,
    });
  });

  it('because its account may not log in, and says what the shell said', async () => {
    const shelled = await fixture.account({ shell: '/usr/sbin/nologin' });
    const outcome = await outcomeOf(`${shelled.name}@127.0.1.2:${sshd.port}`);
    expect(outcome).toMatchObject({ state: 'unreachable', reason: 'shell-unusable' });
    expect(outcome!.message).toContain('This account is currently not available.');
  });

  it('because it allows no session', async () => {
    const strict = await fixture.account();
    const server = await fixture.sshd({ userSettings: { [strict.name]: { MaxSessions: '0' } } });
    const job = await fixture.job(
      { identities: [fixture.identity] },
      { targets: `${strict.name}@127.0.1.3:${server.port}`, hostKeys: knownAt(server, '127.0.1.3') },
    );
    const rexec = await fixture.start(job);
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'unreachable', reason: 'channel-refused' });
  });

  it('because a forced command talks, and ends', async () => {
    const forced = await fixture.account();
    const server = await fixture.sshd({
      userSettings: { [forced.name]: { ForceCommand: `printf 'go\\033[2Jaway'; exit 4` } },
    });
    const job = await fixture.job(
      { identities: [fixture.identity] },
      { targets: `${forced.name}@127.0.1.3:${server.port}`, hostKeys: knownAt(server, '127.0.1.3') },
    );
    const rexec = await fixture.start(job);
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'unreachable', reason: 'shell-unusable' });
    expect(outcome.message).toContain(
      'exited with status 4 without running the command, and said: go\\x1b[2Jaway',
    );
  });
});
