/** The example of a method from outside, used through a whole cluster with a real sshd that asks two questions. */
import { readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { homeLayout } from '@pogo/protocol';
import type { Account, Sshd } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base32, createOneTimeCodes, type OneTimeCodes } from './support/one-time-codes.js';
import { restartWorker } from './support/restart-worker.js';
import { openScene, type Scene } from './support/scene.js';

const example = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples', 'auth-method-otp');
const password = 'correct horse battery';
let scene: Scene;
let sshd: Sshd;
let account: Account;
let codes: OneTimeCodes;

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  account = await scene.account({ password });
  codes = createOneTimeCodes(account);
  sshd = await scene.sshd({
    methods: ['keyboard-interactive'],
    hostKeyTypes: ['ed25519'],
    pamService: codes.pam.name,
  });
  const { config } = homeLayout(scene.cluster.home).worker;
  const plugins = { otp: example, broken: join(example, 'totp.js') };
  writeFileSync(config, `${readFileSync(config, 'utf8')}\nauthPlugins: ${JSON.stringify(plugins)}\n`);
  await restartWorker(scene);
});

afterAll(async () => {
  codes.pam.remove();
  await scene.close();
});

async function run(methods: string, secrets: Record<string, string>) {
  const file = scene.file('secrets.yaml', JSON.stringify({ password, secrets }));
  const { document } = await scene.runJson([
    ...['-h', '127.0.1.1', '-l', account.name, '-p', String(sshd.port)],
    ...['--known-hosts', sshd.knownHosts(['127.0.1.1']), '--auth', methods, '--secrets', file],
    ...['--', 'id', '-un'],
  ]);
  return document.hosts[0]!;
}

describe('the example of a method from outside', () => {
  it('answers both questions; the methods of the house cannot', async () => {
    const alone = await run('keyboard-interactive', {});
    expect(alone).toMatchObject({ state: 'auth-failed' });
    const host = await run('otp', { 'otp-key': codes.secret });
    expect(host).toMatchObject({ state: 'succeeded', stdout: `${account.name}\n` });
    expect(host.outcome?.methodsTried).toEqual(['otp']);
    await sshd.waitForLog(/Accepted keyboard-interactive/);
  });

  it('is refused with another key, and says what it lacks', async () => {
    const refused = await run('otp', { 'otp-key': base32(randomBytes(20)) });
    expect(refused).toMatchObject({ state: 'auth-failed', outcome: { reason: 'password-refused' } });
    const lacking = await run('otp', { other: 'x' });
    expect(lacking.outcome).toMatchObject({
      reason: 'credentials-unusable',
      message: expect.stringContaining('otp: no secret "otp-key" came with the job') as string,
    });
    const unreadable = await run('otp', { 'otp-key': 'not base32!' });
    expect(unreadable.outcome?.message).toContain('the secret "otp-key" is not in base32');
  });

  it('is an error on the attempt when it is no method at all', async () => {
    const host = await run('broken', {});
    expect(host.outcome).toMatchObject({ reason: 'credentials-unusable' });
    expect(host.outcome?.message).toContain('has no export `authMethodVersion`');
  });
});
