/**
 * Compares `pogo run` with a bare ssh2 loop and the tools that start an `ssh` per host, in one run, rounds interleaved,
 * against one real sshd that answers as many hosts. Needs root on Debian (it installs the tools).
 *
 * Options: --hosts 1,50,200,1000  --rounds 5  --as-shipped-rounds N  --only NAME,…  --write FILE. Above 200 hosts the
 * tools with their own key exchange run once, unless told otherwise: a round of them takes minutes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createAccount, createKey, startSshd } from '@pogo/testkit';
import { contenders, type Field, paths, sshConfigText } from './contenders.js';
import { clusterCpuSeconds, cpuSeconds } from './process-tree.js';
import { reportText, type Row } from './report.js';
import { peakMemoryBytes, timedRun } from './timed-run.js';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    'bare-loop': { type: 'string' },
    hosts: { type: 'string', default: '1,50,200,1000' },
    rounds: { type: 'string', default: '5' },
    'as-shipped-rounds': { type: 'string' },
    only: { type: 'string' },
    write: { type: 'string' },
  },
});
const root = values.root!;
const sizes = values.hosts.split(',').map(Number);
const rounds = Number(values.rounds);
const asShippedRounds = (count: number) => Number(values['as-shipped-rounds'] ?? (count > 200 ? 1 : rounds));
const chosen = contenders.filter(
  ({ name }) => values.only === undefined || values.only.split(',').includes(name),
);
const say = (text: string) => process.stderr.write(`${text}\n`);

const directory = mkdtempSync(join(tmpdir(), 'pogo-bench-'));
const home = join(directory, 'home');
const key = await createKey({ directory, type: 'ed25519', name: 'identity' });
const account = await createAccount({ authorizedKeys: [key.publicLine] });
const sshd = await startSshd();
const most = Math.max(...sizes);
const knownHosts = sshd.knownHosts(sshd.addresses(most));
const environment: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  HOME: directory,
  POGO_HOME: home,
  LANG: 'C.UTF-8',
};

function fieldOf(count: number): Field {
  const hosts = sshd.addresses(count);
  const hostFile = join(directory, `hosts-${count}`);
  writeFileSync(hostFile, `${hosts.join('\n')}\n`);
  const expression = execFileSync('node', [paths(root).cli, 'targets', '--fold', `@file:${hostFile}`], {
    env: environment,
    encoding: 'utf8',
  }).trim();
  const base = { port: sshd.port, user: account.name, identity: key.privatePath, knownHosts };
  const sameKeyExchange = join(directory, 'ssh_config_same');
  const asShipped = join(directory, 'ssh_config_shipped');
  writeFileSync(sameKeyExchange, sshConfigText(base, true));
  writeFileSync(asShipped, sshConfigText(base, false));
  return {
    ...base,
    expression,
    hosts,
    hostFile,
    sshConfig: { sameKeyExchange, asShipped },
    hostKeys: sshd.hostPublicKeys.map((line) => line.split(' ')[1]!),
    bareLoop: values['bare-loop']!,
    cli: paths(root).cli,
    fanout: 64,
  };
}

/** `pogo up`, ready. */
async function startCluster(): Promise<{ pid: number; stop(): Promise<void> }> {
  const up = spawn(
    'node',
    [paths(root).cli, 'up', '--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0'],
    {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: up.stderr }).on('line', (line) => line.startsWith('ready ') && resolve());
    up.on('exit', (code) => reject(new Error(`pogo up ended with ${code}`)));
  });
  return {
    pid: up.pid!,
    stop: () =>
      new Promise((resolve) => {
        up.removeAllListeners('exit');
        up.on('exit', () => resolve());
        up.kill('SIGTERM');
      }),
  };
}

const machine =
  `${cpus().length} cores (${cpus()[0]!.model}), Node ${process.version}, ` +
  `${execFileSync('sh', ['-c', 'ssh -V 2>&1'], { encoding: 'utf8' }).split(',')[0]}, ` +
  `fan-out 64, \`echo hello\`, sshd on the same machine.`;
const rows: Row[] = [];
const cluster = await startCluster();
let broken = false;
try {
  for (const count of sizes) {
    const field = fieldOf(count);
    const entrants = chosen
      .filter(({ only }) => only === undefined || only(count))
      .map((contender) => ({
        contender,
        row: {
          hosts: count,
          name: contender.name,
          keyExchange: contender.keyExchange,
          rounds: [],
          peakBytes: undefined,
        } as Row,
      }));
    rows.push(...entrants.map(({ row }) => row));
    for (let round = 0; round <= rounds; round++) {
      for (const { contender, row } of entrants) {
        // Round 0 warms up and measures memory: sampling it costs time.
        if (contender.keyExchange === 'as shipped' && round > asShippedRounds(count)) continue;
        const argv = contender.argv(field);
        if (round === 0) {
          if (contender.keyExchange === 'as shipped' && count > 200) continue;
          row.peakBytes = await peakMemoryBytes(argv, environment, contender.cluster ? [cluster.pid] : []);
          continue;
        }
        const before = contender.cluster ? cpuSeconds(cluster.pid) : 0;
        const partsBefore = clusterCpuSeconds(cluster.pid);
        const figures = await timedRun(argv, environment);
        if (contender.cluster) {
          const client = figures.cpuSeconds;
          const parts = clusterCpuSeconds(cluster.pid);
          figures.cpuSeconds += cpuSeconds(cluster.pid) - before;
          figures.parts = {
            client,
            dispatcher: parts.dispatcher - partsBefore.dispatcher,
            worker: parts.worker - partsBefore.worker,
            rexec: parts.rexec - partsBefore.rexec,
          };
        }
        const hellos = figures.stdout.split('hello').length - 1;
        if (figures.exitCode !== 0 || (contender.name !== 'ssh' && hellos !== count)) {
          broken = true;
          say(
            `${contender.name} at ${count}: exit ${figures.exitCode}, ${hellos} hellos\n${figures.stderr.slice(0, 2000)}`,
          );
        }
        row.rounds.push(figures);
        say(
          `${count} hosts, round ${round}, ${contender.name} (${contender.keyExchange}): ${figures.wallSeconds.toFixed(2)} s, CPU ${figures.cpuSeconds.toFixed(2)} s`,
        );
      }
    }
  }
} finally {
  await cluster.stop();
  await sshd.stop();
  await account.remove();
  rmSync(directory, { recursive: true, force: true });
}
const report = reportText(
  rows.filter((row) => row.rounds.length > 0),
  machine,
);
process.stdout.write(report);
if (values.write !== undefined) {
  const text = readFileSync(values.write, 'utf8');
  const [begin, end] = ['<!-- bench:begin -->', '<!-- bench:end -->'];
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  writeFileSync(values.write, `${head}\n\n${report}\n${text.slice(text.indexOf(end))}`);
}
process.exit(broken ? 1 : 0);
