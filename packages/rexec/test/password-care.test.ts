import { type Account, createKey, type Sshd } from '@pogo/testkit';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, indexes, knownAt } from './fixture.js';

let fixture: Fixture;
let account: Account;
const password = 'correct horse battery';
const hosts = 60;

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account({ password });
});

afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

async function runOn(sshd: Sshd, methods: string[], given: string, more: { key?: string } = {}) {
  const identities = more.key === undefined ? {} : { identities: [{ label: 'id', privateKey: more.key }] };
  const job = await fixture.job(
    { password: given, ...identities },
    {
      targets: `${account.name}@127.0.1.[1-${hosts}]:${sshd.port}`,
      auth: { methods },
      hostKeys: knownAt(sshd, `127.0.1.[1-${hosts}]`),
    },
  );
  const rexec = await fixture.start(job);
  rexec.run(...indexes(hosts));
  const reports = await Promise.all(
    indexes(hosts).map((host) =>
      rexec.until(() =>
        rexec.reports.find(
          (report) => report.host === host && ['finished', 'refused'].includes(report.event),
        ),
      ),
    ),
  );
  await rexec.close();
  const asked = sshd
    .authAttempts()
    .filter(({ method }) => method === 'password' || method === 'keyboard-interactive');
  return { reports, asked, rexec };
}

describe('a wrong password and many hosts', () => {
  it.each([[['password']], [['keyboard-interactive']], [['password', 'keyboard-interactive']]])(
    'by %j: the servers see at most three attempts, and nobody else is dialled',
    async (methods) => {
      const sshd = await fixture.sshd();
      const { reports, asked, rexec } = await runOn(sshd, methods, 'wrong');
      expect(asked.filter(({ result }) => result === 'failed').length).toBeGreaterThan(0);
      expect(asked.filter(({ result }) => result !== 'postponed').length).toBeLessThanOrEqual(3);
      expect(asked.filter(({ result }) => result === 'postponed').length).toBeLessThanOrEqual(3);
      expect(rexec.messages.filter(({ type }) => type === 'password-refused')).toHaveLength(1);
      const reasons = reports.map((report) =>
        report.event === 'finished' ? report.outcome.reason : report.event,
      );
      expect(reasons.filter((reason) => reason === 'password-refused')).toHaveLength(3);
      for (const reason of reasons) {
        expect(['password-refused', 'password-withheld', 'refused']).toContain(reason);
      }
      expect(reasons.filter((reason) => reason === 'refused').length).toBeGreaterThanOrEqual(hosts - 6);
      const connections = sshd.log().match(/^Connection from/gm) ?? [];
      expect(connections.length).toBeLessThanOrEqual(6);
    },
  );

  it('behind keys that are refused: the password is held back after three, and every host says so', async () => {
    const sshd = await fixture.sshd();
    const key = await createKey({ directory: fixture.directory.path, name: 'nobody-knows' });
    const { reports, asked } = await runOn(sshd, ['publickey', 'password'], 'wrong', {
      key: readFileSync(key.privatePath, 'utf8'),
    });
    expect(asked.length).toBeLessThanOrEqual(3);
    for (const report of reports) {
      expect(report).toMatchObject({ event: 'finished', outcome: { state: 'auth-failed' } });
    }
    const messages = reports.map((report) => (report.event === 'finished' ? report.outcome.message : ''));
    expect(messages.filter((message) => message?.includes('password was held back'))).toHaveLength(hosts - 3);
  });
});

describe('a right password and many hosts', () => {
  it('is proven on one, then goes to all', async () => {
    const sshd = await fixture.sshd({ methods: ['password'] });
    const { reports, asked } = await runOn(sshd, ['password'], password);
    for (const report of reports) expect(report).toMatchObject({ outcome: { state: 'succeeded' } });
    expect(asked.filter(({ result }) => result === 'accepted')).toHaveLength(hosts);
  });

  it('is no reason to begin anything after a halt: who waits to be dialled, or to be dialled again, is ended', async () => {
    const sshd = await fixture.sshd();
    const key = await createKey({ directory: fixture.directory.path, name: 'halted' });
    for (const [methods, identities] of [
      [['password'], []],
      [['publickey', 'password'], [{ label: 'id', privateKey: readFileSync(key.privatePath, 'utf8') }]],
    ] as const) {
      const job = await fixture.job(
        { password: 'wrong', identities: [...identities] },
        {
          targets: `${account.name}@127.0.1.[1-${hosts}]:${sshd.port}`,
          auth: { methods: [...methods] },
          hostKeys: knownAt(sshd, `127.0.1.[1-${hosts}]`),
        },
      );
      const rexec = await fixture.start(job);
      rexec.run(...indexes(hosts));
      // A first refusal is there; all others wait in one way or another.
      await rexec.until(() => rexec.reports.find(({ event }) => event === 'finished'));
      rexec.order({ type: 'halt', kill: true });
      expect(await rexec.close()).toBe(0);
      expect(rexec.reports).toHaveLength(hosts);
      const ends = rexec.reports.map((report) =>
        report.event === 'finished' ? report.outcome.reason : report.event,
      );
      for (const end of ends) {
        expect(['password-refused', 'methods-refused', 'halt-kill', 'refused']).toContain(end);
      }
      expect(ends.filter((end) => end === 'halt-kill' || end === 'refused').length).toBeGreaterThan(
        hosts - 6,
      );
    }
  });

  it('goes to hosts that refused the key, also when they had to come back for it', async () => {
    const sshd = await fixture.sshd();
    const key = await createKey({ directory: fixture.directory.path, name: 'nobody-knows-either' });
    const { reports } = await runOn(sshd, ['publickey', 'password'], password, {
      key: readFileSync(key.privatePath, 'utf8'),
    });
    for (const report of reports) {
      expect(report).toMatchObject({
        outcome: { state: 'succeeded', methodsTried: ['publickey', 'password'] },
      });
    }
  });
});
