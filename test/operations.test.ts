/**
 * What packaging/ and docs/OPERATIONS.md promise: alerts rest on metrics that exist, units are sound, and with rexec under an
 * account of its own the worker's can't read the sealing key.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import {
  type Account,
  createAccount,
  createKey,
  createTemporaryDirectory,
  freePorts,
  type Key,
  mustRun,
  processTable,
  runCommand,
  type Sshd,
  startSshd,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { follow, type RunningCommand } from './support/running-command.js';
import { repository } from './support/site.js';

const activator = '/usr/bin/systemd-socket-activate';
const analyzer = '/usr/bin/systemd-analyze';
const promtool = '/usr/bin/promtool';
const packaging = join(repository, 'packaging');
const manual = readFileSync(join(repository, 'docs/OPERATIONS.md'), 'utf8');
const node = process.execPath;
const program = (name: string) =>
  join(repository, `packages/${name}/dist/pogo${name === 'client' ? '' : `-${name}`}.js`);

describe.runIf(existsSync(analyzer))('the systemd units', () => {
  const units = readdirSync(join(packaging, 'systemd')).filter((name) => /\.(service|socket)$/.test(name));
  let directory: TemporaryDirectory;
  beforeAll(() => {
    directory = createTemporaryDirectory();
    for (const name of units) {
      // The programs as they lie here.
      const text = readFileSync(join(packaging, 'systemd', name), 'utf8')
        .replaceAll('/usr/bin/node', node)
        .replaceAll('/opt/pogo', repository);
      writeFileSync(directory.file(name), text);
    }
  });
  afterAll(() => directory?.remove());

  it('are such that systemd takes them, without a word', async () => {
    const paths = units.map((name) => directory.file(name));
    expect(await runCommand(analyzer, ['verify', ...paths])).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  it.each(units.filter((name) => name.endsWith('.service')))('%s leaves little open', async (name) => {
    const security = ['security', '--offline=true', '--threshold=20', directory.file(name)];
    const { exitCode, stdout } = await runCommand(analyzer, security);
    expect(exitCode, stdout).toBe(0);
  });
});

describe.runIf(existsSync(promtool))('the alerts', () => {
  it('are what Prometheus takes, and fire when they should', async () => {
    const [rules, cases] = ['pogo-alerts.yml', 'pogo-alerts.test.yml'].map((name) =>
      join(packaging, 'prometheus', name),
    );
    expect(await runCommand(promtool, ['check', 'rules', rules!])).toMatchObject({ exitCode: 0 });
    expect(await runCommand(promtool, ['test', 'rules', cases!])).toMatchObject({ exitCode: 0 });
  });
});

/** One dispatcher and one worker as their accounts run them, the worker's rexecs under another one where systemd is. */
describe('an instance as it is installed', () => {
  let directory: TemporaryDirectory;
  let login: Account;
  let workerAccount: Account;
  let rexecAccount: Account;
  let key: Key;
  let sshd: Sshd;
  let sealingKey: string;
  let apiPort: number;
  let metricsPort: number;
  const daemons: RunningCommand[] = [];

  const environment = () => ({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: directory.path,
    POGO_HOME: directory.file('home'),
  });
  const as = ({ uid }: Account, command: readonly string[]) => [
    ...['setpriv', '--pdeathsig', 'KILL', '--reuid', String(uid), '--regid', String(rexecAccount.gid)],
    ...['--clear-groups', ...command],
  ];
  const daemon = async (command: readonly string[], ready?: RegExp) => {
    const [file, ...args] = command;
    const started = follow(spawn(file!, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] }));
    daemons.push(started);
    if (ready !== undefined) await started.untilStdout(ready);
    return started;
  };
  const pogo = (...args: string[]) =>
    runCommand(node, [program('client'), ...args], { env: environment(), cwd: directory.path });
  const onHosts = (count: number) => [
    ...['-h', sshd.addresses(count).join(','), '-l', login.name, '-p', String(sshd.port)],
    ...['--identity', key.privatePath, '--known-hosts', sshd.knownHosts(sshd.addresses(count))],
  ];

  beforeAll(async () => {
    // Other accounts pass through.
    directory = createTemporaryDirectory({ mode: 0o755 });
    key = await createKey({ directory: directory.path });
    login = await createAccount({ authorizedKeys: [key.publicLine] });
    workerAccount = await createAccount();
    rexecAccount = await createAccount();
    sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], hosts: 3 });
    const [api, workers, metrics] = await freePorts(3);
    [apiPort, metricsPort] = [api!, metrics!];
    const home = directory.file('home');
    await mustRun(node, [program('dispatcher'), 'init', '--home', home], { env: environment() });
    for (const name of ['worker', 'rexec'])
      cpSync(join(repository, `packages/${name}/dist`), directory.file(name), { recursive: true });

    const installed = directory.file('installed');
    const socket = directory.file('run/rexec.sock');
    await mustRun(join(packaging, 'systemd/install-home'), ['worker', home, installed], {
      env: {
        ...environment(),
        POGO_WORKER_USER: String(workerAccount.uid),
        POGO_REXEC_USER: String(rexecAccount.uid),
        POGO_REXEC_GROUP: String(rexecAccount.gid),
        POGO_REXEC_SOCKET: socket,
      },
    });
    sealingKey = join(installed, 'worker/sealing.key');
    const config = join(installed, 'worker/config.yaml');
    appendFileSync(config, `metricsListen: 127.0.0.1:${metricsPort}\n`);
    if (existsSync(activator)) {
      mkdirSync(directory.file('run'));
      chownSync(directory.file('run'), rexecAccount.uid, rexecAccount.gid);
      const rexec = [node, directory.file('rexec/pogo-rexec.js')];
      await daemon(as(rexecAccount, [activator, '--accept', '--listen', socket, ...rexec]));
      await vi.waitFor(() => expect(existsSync(socket)).toBe(true), { timeout: 30_000 });
      // As the socket unit says it.
      chownSync(socket, workerAccount.uid, rexecAccount.gid);
      chmodSync(socket, 0o600);
    } else {
      writeFileSync(config, readFileSync(config, 'utf8').replace(/^rexecSocket:.*\n/m, ''));
      chownSync(sealingKey, workerAccount.uid, rexecAccount.gid);
    }
    const listen = ['--listen', `127.0.0.1:${apiPort}`, '--worker-listen', `127.0.0.1:${workers}`];
    const dispatcher = ['run', '--config', join(home, 'dispatcher/config.yaml'), '--home', home, ...listen];
    await daemon(
      ['setpriv', '--pdeathsig', 'KILL', node, program('dispatcher'), ...dispatcher],
      /"ready":true/,
    );
    const worker = ['run', '--config', config, '--dispatcher', `wss://127.0.0.1:${workers}`];
    const rexecs = ['--rexec', directory.file('rexec/pogo-rexec.js')];
    await daemon(
      as(workerAccount, [node, directory.file('worker/pogo-worker.js'), ...worker, ...rexecs]),
      /"ready":true/,
    );
  }, 300_000);

  afterAll(async () => {
    for (const { child, ended } of daemons.reverse()) {
      child.kill('SIGTERM');
      await ended;
    }
    await sshd?.stop();
    for (const account of [rexecAccount, workerAccount, login]) await account?.remove();
    directory?.remove();
  });

  const scrapeDispatcher = async (): Promise<string> => {
    const home = directory.file('home');
    const sent = request(`https://localhost:${apiPort}/metrics`, {
      ca: readFileSync(join(home, 'instance/link-root.crt')),
      headers: { authorization: `Bearer ${readFileSync(join(home, 'client/token'), 'utf8').trim()}` },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  };
  const scrapeWorker = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const namesIn = (scrape: string) =>
    new Set([...scrape.matchAll(/^([a-z_]+)(?:\{|\s)/gm)].map(([, name]) => name!));

  it('runs commands and scripts, with keys that only rexec can read', async () => {
    const script = directory.file('script.sh');
    writeFileSync(script, 'echo "script $1 on $POGO_HOST"\nsleep 3\n');
    const running = pogo('run', ...onHosts(3), '-f', script, '--', 'here');
    if (existsSync(activator)) {
      await vi.waitFor(
        () => {
          const rexecs = processTable().filter(
            ({ argv }) => argv[1] === directory.file('rexec/pogo-rexec.js'),
          );
          expect(rexecs.length).toBeGreaterThan(0);
          for (const { uid } of rexecs) expect(uid).toBe(rexecAccount.uid);
        },
        { timeout: 30_000 },
      );
      const [file, ...args] = as(workerAccount, ['cat', sealingKey]);
      expect((await runCommand(file!, args)).stderr).toContain('Permission denied');
    }
    const { exitCode, stdout, stderr } = await running;
    expect(exitCode, stderr).toBe(0);
    for (const address of sshd.addresses(3)) expect(stdout).toContain(`script here on ${address}`);
  });

  it('tells every metric that an alert rests on, and the manual explains each alert and each metric', async () => {
    const [dispatcher, worker] = [namesIn(await scrapeDispatcher()), namesIn(await scrapeWorker())];
    const told = new Set([...dispatcher, ...worker]);
    expect(dispatcher).toContain('pogo_leader');
    expect(worker).toContain('pogo_worker_slots_in_use');
    const { groups } = parse(readFileSync(join(packaging, 'prometheus/pogo-alerts.yml'), 'utf8')) as {
      groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(15);
    for (const { alert, expr, annotations } of rules) {
      const metrics = [...expr.matchAll(/\b(?:pogo|process|nodejs)_[a-z_]+/g)].map(([name]) => name);
      expect(metrics.length + Number(expr.includes('up{')), alert).toBeGreaterThan(0);
      for (const name of metrics) expect(told, `${alert} rests on ${name}`).toContain(name);
      expect(annotations.summary, alert).toMatch(/\S/);
      expect(manual, alert).toMatch(new RegExp(`^### ${alert}$`, 'm'));
    }
    for (const [, alert] of manual.matchAll(/^### (Pogo\w+)$/gm)) {
      expect(rules.map((rule) => rule.alert)).toContain(alert);
    }
    for (const name of told) expect(manual).toContain(name.replace(/_(bucket|sum|count)$/, ''));
  });
});
