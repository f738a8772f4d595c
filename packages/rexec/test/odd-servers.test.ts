/** Servers that speak SSH well, and do what a careful client must not fall for. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { publicKeyText } from '@pogo/protocol';
import ssh2, { type AuthContext, type Connection, type KeyboardAuthContext } from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture } from './fixture.js';

let fixture: Fixture;
const servers: InstanceType<typeof ssh2.Server>[] = [];
const password = 'correct horse battery';
const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const hostKeyPem = createPrivateKey(pem.export({ type: 'pkcs1', format: 'pem' })).export({
  type: 'pkcs1',
  format: 'pem',
});

beforeAll(async () => {
  fixture = await Fixture.create();
});
afterAll(() => fixture?.end());
afterEach(async () => {
  await fixture.hangUp();
  for (const server of servers.splice(0))
    await new Promise((resolve) => server.close(() => resolve(undefined)));
});

/** Starts a server with its own idea of a login, and gives the outcome of a job there. */
async function outcomeAt(
  act: (context: AuthContext, connection: Connection) => void,
  options: { methods?: string[]; address?: string; session?: (connection: Connection) => void } = {},
) {
  const { address = '127.0.0.1' } = options;
  const server = new ssh2.Server({ hostKeys: [hostKeyPem.toString()] }, (connection) => {
    connection.on('authentication', (context) => act(context, connection));
    connection.on('error', () => undefined);
    connection.on('ready', () => options.session?.(connection));
  });
  servers.push(server);
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const parsed = ssh2.utils.parseKey(hostKeyPem.toString());
  if (parsed instanceof Error) throw parsed;
  const shown = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const job = await fixture.job(
    { password, identities: [fixture.identity] },
    {
      targets: `deploy@${shown}`,
      auth: { methods: options.methods ?? ['keyboard-interactive'] },
      timeouts: { connectMs: 2000, handshakeMs: 3000, commandMs: 5000 },
      hostKeys: {
        policy: 'strict',
        known: [{ hosts: shown, keys: [publicKeyText(parsed.getPublicSSH())!] }],
      },
    },
  );
  const rexec = await fixture.start(job, { namespace: false });
  rexec.run(0);
  return { outcome: await rexec.outcome(0), shown: `deploy@${shown}`, rexec };
}

const offer = (context: AuthContext, methods: ssh2.AuthenticationType[]) => context.reject(methods);

/** Asks the given questions, one round after the other, and collects the answers. */
function asking(rounds: { prompt: string; echo: boolean }[][], answers: string[][]) {
  return (context: AuthContext) => {
    if (context.method !== 'keyboard-interactive') return offer(context, ['keyboard-interactive']);
    const keyboard = context as KeyboardAuthContext;
    const ask = (round: number) => {
      const prompts = rounds[round];
      if (prompts === undefined) return keyboard.accept();
      keyboard.prompt(prompts, (given) => {
        answers.push(given);
        ask(round + 1);
      });
    };
    ask(0);
  };
}

const hidden = (prompt: string) => ({ prompt, echo: false });

describe('keyboard-interactive', () => {
  it('answers one hidden question', async () => {
    const answers: string[][] = [];
    const { outcome } = await outcomeAt(asking([[hidden('Password: ')], []], answers));
    expect(answers[0]).toEqual([password]);
    expect(outcome).toMatchObject({ state: 'unreachable', methodsTried: ['keyboard-interactive'] });
  });

  it.each([
    ['one whose answer is shown', [[{ prompt: 'Password: ', echo: true }]], 0],
    ['two at once', [[hidden('Password: '), hidden('Code: ')]], 0],
    ['a second one', [[hidden('Password: ')], [hidden('New password: ')]], 1],
  ] as const)('does not answer %s', async (_what, rounds, answered) => {
    const answers: string[][] = [];
    const { outcome, shown } = await outcomeAt(
      asking(
        rounds.map((round) => [...round]),
        answers,
      ),
    );
    expect(answers).toHaveLength(answered);
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: answered === 0 ? 'methods-refused' : 'password-refused',
      methodsTried: ['keyboard-interactive'],
      message:
        answered === 0
          ? `${shown} refused every method that was tried: keyboard-interactive: its questions cannot be answered.`
          : `${shown} refused the password by keyboard-interactive: its questions cannot be answered.`,
    });
  });
});

describe('a server', () => {
  it('that wants a new password gets none', async () => {
    const { outcome } = await outcomeAt(
      (context) => {
        if (context.method !== 'password') return offer(context, ['password']);
        context.requestChange('change it', () => {
          throw new Error('a new password came');
        });
      },
      { methods: ['password'] },
    );
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'password-refused',
      message: expect.stringContaining('the password has expired'),
    });
  });

  it('that hangs up in the middle of a login has refused what was tried', async () => {
    const { outcome } = await outcomeAt(
      (context, connection) => {
        if (context.method === 'none') offer(context, ['password']);
        else connection.end();
      },
      { methods: ['password'] },
    );
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'password-refused' });
    expect(outcome.methodsTried).toEqual(['password']);
  });

  it('that answers nothing to a login runs into the time limit', async () => {
    const { outcome, shown } = await outcomeAt(() => undefined, { methods: ['password'] });
    expect(outcome).toMatchObject({
      state: 'unreachable',
      reason: 'handshake-timeout',
      message: `${shown} cannot be reached: the login took longer than 3 s.`,
    });
  });

  it('that lets in but takes no session', async () => {
    const { outcome } = await outcomeAt((context) => context.accept(), {
      methods: ['publickey'],
      session: (connection) => connection.on('session', (_accept, reject) => reject()),
    });
    expect(outcome).toMatchObject({ state: 'unreachable', reason: 'channel-refused' });
  });

  it('that takes the command and says nothing leaves it unknown', async () => {
    const { outcome } = await outcomeAt((context) => context.accept(), {
      methods: ['publickey'],
      session: (connection) =>
        connection.on('session', (accept) => accept().on('exec', (acceptExec) => acceptExec())),
    });
    expect(outcome).toMatchObject({ state: 'unknown', reason: 'start-unconfirmed' });
  });

  it('is reached over IPv6', async () => {
    const { outcome, shown } = await outcomeAt((context) => context.accept(), {
      methods: ['publickey'],
      address: '::1',
      session: (connection) =>
        connection.on('session', (accept) =>
          accept().on('exec', (acceptExec) => {
            const channel = acceptExec();
            channel.exit(5);
            channel.end();
          }),
        ),
    });
    expect(outcome).toMatchObject({
      state: 'unreachable',
      reason: 'shell-unusable',
      message: `The login shell at ${shown} exited with status 5 without running the command.`,
    });
  });
});
