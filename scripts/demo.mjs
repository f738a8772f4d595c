// See scripts/demo. Everything it makes is below one temporary directory; everything it starts, it ends.
import { execFileSync, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { demoRollout } from './lib/demo-rollout.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cli = join(root, 'packages/client/dist/pogo.js');
const directory = mkdtempSync(join(tmpdir(), 'pogo-demo-'));
const home = join(directory, 'home');
const user = userInfo().username;
const environment = {
  PATH: process.env.PATH,
  HOME: directory,
  POGO_HOME: home,
  LANG: process.env.LANG ?? 'C.UTF-8',
};
const started = [];

const say = (text) =>
  process.stdout.write(
    `\n\x1b[1m# ${text}\x1b[0m\n`.replaceAll(process.stdout.isTTY ? '' : /\x1b\[\dm/g, ''),
  );

function start(file, args, options = {}) {
  const child = spawn(file, args, { env: environment, cwd: directory, ...options });
  started.push(child);
  return child;
}

/** Resolves with the first line of `stream` that `accept` takes; rejects when the child ends before. */
function firstLine(child, stream, accept, what) {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: stream });
    const seen = [];
    lines.on('line', (line) => {
      seen.push(line);
      if (accept(line)) resolve(line);
    });
    child.once('exit', (code) => reject(new Error(`${what} ended with ${code}:\n${seen.join('\n')}`)));
  });
}

/** Shows a command as one would type it, runs it, and gives its exit code. */
function pogo(args) {
  return begin(args).ended;
}

/** The same in the background. */
function begin(args, behind = '') {
  const quote = (word) => (/^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word}'`);
  process.stdout.write(`\n$ pogo ${args.map(quote).join(' ')}${behind}\n`);
  const child = start(process.execPath, [cli, ...args], { stdio: ['ignore', 'inherit', 'pipe'] });
  // Progress goes to stderr; here both belong to the transcript.
  child.stderr.pipe(process.stdout, { end: false });
  return { ended: once(child, 'close').then(([code]) => code) };
}

/** What a command answers, without showing any of it. */
async function ask(args) {
  const child = start(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`pogo ${args.join(' ')}: exit ${code}`);
  return Buffer.concat(chunks).toString('utf8');
}

function expectExit(code, wanted, what) {
  if (code !== wanted) throw new Error(`${what}: exit ${code}, expected ${wanted}`);
}

/** Five addresses of a real sshd that runs as this user, or undefined where there is none. */
async function startRealSshd() {
  const sshd = '/usr/sbin/sshd';
  if (!existsSync(sshd) || !existsSync('/usr/bin/ssh-keygen')) return undefined;
  if (process.getuid() === 0 && !existsSync('/run/sshd')) return undefined;
  const folder = join(directory, 'sshd');
  mkdirSync(folder, { mode: 0o700 });
  const key = (name) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
    return join(folder, name);
  };
  const hostKey = key('host_key');
  const identity = key('identity');
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${identity}.pub`), { mode: 0o600 });
  const addresses = [1, 2, 3, 4, 5].map((number) => `127.0.1.${number}`);
  const port = randomInt(20_000, 32_000);
  const configuration = [
    `Port ${port}`,
    ...addresses.map((address) => `ListenAddress ${address}`),
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'PidFile none',
    'LogLevel INFO',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${configuration.join('\n')}\n`);
  const child = start(sshd, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let heard = 0;
  const ready = await firstLine(
    child,
    child.stderr,
    (line) => line.includes('Server listening') && ++heard === addresses.length,
    'sshd',
  ).catch(() => undefined);
  if (ready === undefined) return undefined;
  const hostKeyLine = readFileSync(`${hostKey}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, addresses.map((address) => `[${address}]:${port} ${hostKeyLine}\n`).join(''));
  return { expression: `127.0.1.[1-3]:${port}`, port, identity, knownHosts };
}

/** Hosts of our own practice server. */
async function startPracticeHosts(settings) {
  const child = start(process.execPath, [join(root, 'packages/testkit/dist/practice-host.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write(`${JSON.stringify({ count: 5, ...settings })}\n`);
  const { hosts } = JSON.parse(await firstLine(child, child.stdout, () => true, 'the practice host'));
  const [first] = hosts;
  // One port on several addresses, or several ports of one: as the platform allows.
  const { port } = first;
  return hosts.every((host) => host.port === port)
    ? { expression: `127.0.1.[1-3]:${port}`, port }
    : {
        expression: hosts
          .map((host) => `${host.address}:${host.port}`)
          .slice(0, 3)
          .join(','),
      };
}

async function stopAll() {
  for (const child of started.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
}

async function main() {
  say('A one-machine cluster: dispatcher and worker, embedded store, all below one temporary directory');
  process.stdout.write('\n$ pogo up\n');
  const up = start(
    process.execPath,
    [cli, 'up', '--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  process.stdout.write(`${await firstLine(up, up.stderr, (line) => line.startsWith('ready '), 'pogo up')}\n`);
  expectExit(await pogo(['ping']), 0, 'pogo ping');

  const password = randomUUID();
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  chmodSync(passwordFile, 0o600);
  const practiceKnownHosts = join(directory, 'practice_known_hosts');
  const practiceKey = join(directory, 'practice_key');
  const practice = await startPracticeHosts({
    user,
    password,
    clientKeyFile: practiceKey,
    knownHostsFile: practiceKnownHosts,
  });

  const real = await startRealSshd();
  if (real) {
    say('Three hosts of a real OpenSSH server that runs as you, reached with a key');
  } else {
    say(
      'No usable sshd here, so the practice host stands in: a small SSH server of ours. Three hosts, with a key',
    );
  }
  const keyHosts = real ?? { ...practice, identity: practiceKey, knownHosts: practiceKnownHosts };
  const keyJob = [
    'run',
    '-h',
    keyHosts.expression,
    '-l',
    user,
    '--identity',
    keyHosts.identity,
    '--known-hosts',
    keyHosts.knownHosts,
  ];
  expectExit(
    await pogo([...keyJob, '--', 'sh', '-c', 'echo "hello from $POGO_HOST, job $POGO_JOB_ID"; uname -s']),
    0,
    'the job with a key',
  );

  say(
    'Three hosts of the practice server, reached with a password from a 0600 file; one at a time, output folded',
  );
  const passwordJob = [
    'run',
    '-h',
    practice.expression,
    '-l',
    user,
    '--password-file',
    passwordFile,
    '--known-hosts',
    practiceKnownHosts,
  ];
  expectExit(
    await pogo([...passwordJob, '--concurrent', '1', '-b', '--', 'echo', 'the same', 'everywhere']),
    0,
    'the job with a password',
  );

  say('An unknown host key is refused before anything secret is sent: exit 4');
  expectExit(
    await pogo([
      'run',
      '-h',
      practice.expression.split(',')[0].replace('[1-3]', '1'),
      '-l',
      user,
      '--password-file',
      passwordFile,
      '--known-hosts',
      '/dev/null',
      '--',
      'true',
    ]),
    4,
    'the job without known hosts',
  );

  const { port, identity, knownHosts } = keyHosts;
  if (port === undefined) {
    say('This machine has one loopback address alone, so the story of a whole site is left out');
  } else {
    const login = ['-l', user, '-p', String(port), '--identity', identity, '--known-hosts', knownHosts];
    const background = (args) => begin(args, ' &');
    await demoRollout({ say, show: pogo, begin: background, ask, expectExit, login, directory });
  }

  say('What is on record');
  expectExit(await pogo(['jobs']), 0, 'pogo jobs');
  expectExit(await pogo(['status', 'p2', '--hosts']), 0, 'pogo status');
}

let failure;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => void stopAll().then(() => process.exit(130)));
}
try {
  await main();
} catch (error) {
  failure = error;
} finally {
  await stopAll();
}
if (failure) {
  process.stderr.write(`\ndemo: ${failure.message}\n`);
  process.exit(1);
}
say('Done. Everything is stopped and removed.');
