/** What the tests of logins share: rexec inside a network namespace, where a hundred hosts are one sshd. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type Account,
  type AccountOptions,
  createAccount,
  createKey,
  createNetworkNamespace,
  createTemporaryDirectory,
  type Key,
  type NetworkNamespace,
  type Sshd,
  type SshdOptions,
  startSshd,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { type BuiltProgram, buildProgram, type JobOptions, RexecProcess } from './rexec-process.js';
import { createSealingKey, type Credentials, seal, type SealingKey } from './seal.js';
import { spec } from './specs.js';

type SpecChanges = Partial<Parameters<typeof spec>[0]>;

export class Fixture {
  readonly program: BuiltProgram;
  readonly namespace: NetworkNamespace;
  readonly directory: TemporaryDirectory;
  readonly sealingKey: SealingKey;
  /** A key that {@link account} accepts, and that needs no passphrase. */
  readonly key: Key;
  readonly #owned: { end: () => unknown }[] = [];
  #processes: RexecProcess[] = [];

  private constructor(
    program: BuiltProgram,
    namespace: NetworkNamespace,
    directory: TemporaryDirectory,
    key: Key,
  ) {
    this.program = program;
    this.namespace = namespace;
    this.directory = directory;
    this.key = key;
    this.sealingKey = createSealingKey(directory.file('sealing.key'));
  }

  static async create(): Promise<Fixture> {
    const directory = createTemporaryDirectory({ mode: 0o755 });
    const [program, namespace, key] = await Promise.all([
      buildProgram(),
      createNetworkNamespace(),
      createKey({ directory: directory.path }),
    ]);
    return new Fixture(program, namespace, directory, key);
  }

  async sshd(options: SshdOptions = {}): Promise<Sshd> {
    const sshd = await startSshd({ namespace: this.namespace, ...options });
    this.#owned.push({ end: () => sshd.stop() });
    return sshd;
  }

  async account(options: AccountOptions = {}): Promise<Account> {
    const account = await createAccount({ authorizedKeys: [this.key.publicLine], ...options });
    this.#owned.push({ end: () => account.remove() });
    return account;
  }

  owns(end: () => unknown): void {
    this.#owned.push({ end });
  }

  /** The fixture's own key as a sealed identity. */
  get identity(): NonNullable<Credentials['identities']>[number] {
    return { label: 'id_test', privateKey: readFileSync(this.key.privatePath, 'utf8') };
  }

  async job(credentials: Credentials, changes: SpecChanges & { targets: string }): Promise<JobOptions> {
    const resolved = spec(changes);
    return {
      spec: resolved,
      credentials: await seal(resolved, credentials, [this.sealingKey]),
      sealingKey: this.sealingKey,
    };
  }

  /** Starts rexec with a job; `namespace: false` outside of the namespace, for servers of this process. */
  async start(options: JobOptions, { namespace = true } = {}): Promise<RexecProcess> {
    const rexec = new RexecProcess(this.program, namespace ? this.namespace : undefined);
    this.#processes.push(rexec);
    await rexec.message('ready');
    await rexec.open(options);
    return rexec;
  }

  /** Makes an address take no connection and refuse none: its queue of one is full, and nobody accepts. */
  async swallow(address: string, port: number): Promise<void> {
    const text = `$| = 1;
my $at = sockaddr_in(${port}, inet_aton('${address}'));
socket(my $server, PF_INET, SOCK_STREAM, 0); bind($server, $at) or die; listen($server, 0);
my @clients = map { socket(my $client, PF_INET, SOCK_STREAM, 0); $client } 1 .. 3;
for my $client (@clients) { fcntl($client, F_SETFL, O_NONBLOCK); connect($client, $at); }
print "ready"; <STDIN>;`;
    const args = ['-MSocket', '-MFcntl', '-e', text];
    const holder = this.namespace.spawn('perl', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout!, 'data');
    this.owns(() => holder.kill());
  }

  /** Ends the processes that a test has started. */
  async hangUp(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    for (const rexec of processes) await rexec.hangUp();
  }

  async end(): Promise<void> {
    await this.hangUp();
    for (const { end } of this.#owned.reverse()) await end();
    await this.namespace.stop();
    this.directory.remove();
    this.program.remove();
  }
}

/** Host keys of a server, as the client seals them, for some of its addresses: `127.0.1.[1-200]`. */
export function knownAt(sshd: Sshd, addresses: string) {
  return {
    policy: 'strict' as const,
    known: [{ hosts: `${addresses}:${sshd.port}`, keys: [...sshd.hostPublicKeys] }],
  };
}

export function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
