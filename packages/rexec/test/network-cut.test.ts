/** A command that outlives its connection, real sshd, and a network that is away for a while. */
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, type FlakyProxy, type Sshd, startFlakyProxy, startSshd } from '@pogo/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Fixture } from './fixture.js';
import type { RexecProcess } from './rexec-process.js';

let fixture: Fixture;
let sshd: Sshd;
let network: FlakyProxy;
let account: Account;

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account();
  // Where the proxy can reach it.
  sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
  fixture.owns(() => sshd.stop());
  network = await startFlakyProxy({ targetPort: sshd.port });
  fixture.owns(() => network.stop());
});
afterAll(() => fixture?.end());

async function start(script: string): Promise<RexecProcess> {
  const hostKeys = {
    policy: 'strict' as const,
    known: [{ hosts: `127.0.0.1:${network.port}`, keys: [...sshd.hostPublicKeys] }],
  };
  const job = await fixture.job(
    { identities: [fixture.identity] },
    {
      targets: `${account.name}@127.0.0.1:${network.port}`,
      hostKeys,
      command: { kind: 'shell', script },
      surviveDisconnect: { limitMs: 600_000 },
    },
  );
  const rexec = await fixture.start(job, { namespace: false });
  rexec.run(0);
  return rexec;
}

it('cut in the middle of a flood of output, and away for several tries to come back: all arrives once', async () => {
  const rexec = await start(
    'seq 1 3000000; until [ -e "$HOME/go" ]; do sleep 0.05; done; echo end; echo problem >&2; exit 21',
  );
  for (const bytes of [300_000, 9_000_000]) {
    await rexec.until(() => (rexec.bytes(0, 'stdout').length > bytes ? true : undefined));
    const before = network.connections();
    network.refuse(true);
    network.cut();
    // It is dialled in vain before the network is there again.
    await expect.poll(() => network.connections(), { timeout: 30_000 }).toBeGreaterThan(before + 1);
    network.refuse(false);
  }
  writeFileSync(join(account.home, 'go'), '');
  const outcome = await rexec.outcome(0);
  expect(outcome).toMatchObject({ state: 'failed', exitCode: 21 });
  const expected = createHash('sha256');
  for (let number = 1; number <= 3_000_000; number++) expected.update(`${number}\n`);
  const sha256 = expected.update('end\n').digest('hex');
  expect(createHash('sha256').update(rexec.bytes(0, 'stdout')).digest('hex')).toBe(sha256);
  expect(outcome.stdout?.sha256).toBe(sha256);
  expect(rexec.output(0).stderr).toBe('problem\n');
  expect(await rexec.close()).toBe(0);
  expect(readdirSync(account.home).filter((name) => name.startsWith('.pogo-'))).toEqual([]);
});
