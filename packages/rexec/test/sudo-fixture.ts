/** What the tests of sudo share: accounts with real rules, and runs of commands as others. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { type Account, addSudoRules, type Sshd } from '@pogo/testkit';
import { expect } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { RexecProcess } from './rexec-process.js';
import type { Credentials } from './seal.js';
import type { spec } from './specs.js';

/** That of every account here. */
export const password = 'sudo horse battery';

export interface RunOptions {
  /** `root` by default; empty: as the login user. */
  readonly runAs?: string;
  readonly credentials?: Credentials;
  readonly argv?: readonly string[];
  readonly changes?: Partial<Parameters<typeof spec>[0]>;
  readonly addresses?: string;
}

export class SudoFixture {
  readonly fixture: Fixture;
  readonly sshd: Sshd;

  private constructor(fixture: Fixture, sshd: Sshd) {
    this.fixture = fixture;
    this.sshd = sshd;
  }

  static async create(): Promise<SudoFixture> {
    const fixture = await Fixture.create();
    const sshd = await fixture.sshd({
      methods: ['publickey'],
      hostKeyTypes: ['ed25519'],
      maxStartups: 1000,
    });
    return new SudoFixture(fixture, sshd);
  }

  /** An account with these rules; `USER` in them is its name. */
  async accountWith(rules: readonly string[], options: { shell?: string } = {}): Promise<Account> {
    const account = await this.fixture.account({ password, ...options });
    const inForce = await addSudoRules(rules.map((rule) => rule.replaceAll('USER', account.name)));
    this.fixture.owns(() => inForce.remove());
    return account;
  }

  async start(account: Account, options: RunOptions = {}): Promise<RexecProcess> {
    const { runAs = 'root', credentials = {}, argv = ['id', '-un'], changes = {} } = options;
    const { addresses = '127.0.1.1' } = options;
    const job = await this.fixture.job(
      { identities: [this.fixture.identity], ...credentials },
      {
        targets: `${account.name}@${addresses}:${this.sshd.port}`,
        hostKeys: knownAt(this.sshd, addresses),
        command: { kind: 'argv', argv: [...argv] },
        ...changes,
        ...(runAs !== '' && { runAs }),
      },
    );
    return this.fixture.start(job);
  }

  /** Runs on one host to the end; the password is nowhere in what rexec has said. */
  async run(account: Account, options: RunOptions = {}) {
    const rexec = await this.start(account, options);
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    const said = JSON.stringify(rexec.messages) + JSON.stringify(rexec.output(0)) + rexec.stderr;
    expect(said).not.toContain(password);
    expect(await rexec.close()).toBe(0);
    const { stdout, stderr } = rexec.output(0);
    // sudo says this wherever the host's own name does not resolve, which it need not on the machine of a test.
    const output = { stdout, stderr: stderr.replace(/^sudo: unable to resolve host .*\n/gm, '') };
    return { outcome, output };
  }

  /** What of ours lies in root's home for this sshd's hosts: others may use that home at the same time. */
  leftWithRoot(): string[] {
    const locks = Array.from({ length: 8 }, (_, n) =>
      createHash('sha256')
        .update(`127.0.1.${n + 1}:${this.sshd.port}`)
        .digest('hex')
        .slice(0, 16),
    );
    return readdirSync('/root').filter((name) => locks.some((lock) => name.startsWith(`.pogo-${lock}`)));
  }

  /** Ends the processes that a test has started. */
  hangUp(): Promise<void> {
    return this.fixture.hangUp();
  }

  async end(): Promise<void> {
    await this.fixture.end();
  }
}
