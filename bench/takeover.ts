/**
 * `npm run bench:takeover`: how long hosts wait when the leading dispatcher is killed.
 *
 * Three ZooKeeper servers, dispatchers and workers as processes of their own, real sshd. A job runs one host at a time; in
 * mid-command the leader gets SIGKILL. What is measured is the time from the kill to the next host's command, which only
 * the next leader can have permitted. The session's timeout is a part of it: nobody knows earlier.
 *
 *   npm run bench:takeover -- --rounds 20 --session-timeout 4000
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { delay, systemClock } from '@pogo/lifecycle';
import {
  createAccount,
  createKey,
  createTemporaryDirectory,
  type Fleet,
  startFleet,
  startSshd,
  startZooKeeper,
} from '@pogo/testkit';

const hosts = 16;
const roundLimitMs = 120_000;

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    rounds: { type: 'string', default: '20' },
    'session-timeout': { type: 'string', default: '4000' },
  },
});
const rounds = Number(values.rounds);
const sessionTimeoutMs = Number(values['session-timeout']);
const repository = values.root!;

const directory = createTemporaryDirectory();
const key = await createKey({ directory: directory.path });
const account = await createAccount({ authorizedKeys: [key.publicLine] });
const sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], hosts });
const zookeeper = await startZooKeeper({ servers: 3 });
let fleet: Fleet | undefined;
try {
  fleet = await startFleet({
    repository,
    zookeeper: zookeeper.addresses,
    dispatchers: 2,
    workers: 2,
    sessionTimeoutMs,
  });
  const login = [
    ...['-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(sshd.addresses(hosts))],
  ];
  const waitsMs: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const waitMs = await kill(fleet, round, login);
    waitsMs.push(waitMs);
    console.log(`round ${round}: ${Math.round(waitMs)} ms`);
  }
  const sorted = [...waitsMs].sort((one, other) => one - other);
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: repository,
    encoding: 'utf8',
  });
  console.log(
    `commit ${stdout.trim()}, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, session timeout ${sessionTimeoutMs} ms, ${rounds} rounds:\n` +
      `from the kill to the next host's command: median ${Math.round(sorted[Math.floor(rounds / 2)]!)} ms, ` +
      `best ${Math.round(sorted[0]!)} ms, worst ${Math.round(sorted.at(-1)!)} ms`,
  );
} finally {
  await fleet?.stop();
  await zookeeper.stop();
  await sshd.stop();
  await account.remove();
  directory.remove();
}

/** One round; resolves to the wait in milliseconds. */
async function kill(fleet: Fleet, round: number, login: readonly string[]): Promise<number> {
  const file = join(account.home, `round-${round}`);
  const script = `date +%s%3N >> "$HOME/round-${round}"; sleep 0.5`;
  const child = fleet.spawn([
    ...['run', '-h', `127.0.1.[1-${hosts}]`, ...login, '--concurrent', '1', '--', 'sh', '-c', script],
  ]);
  let said = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const begun = () =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map(Number) : [];
  const until = async (count: number) => {
    const untilMs = systemClock.monotonicMs() + roundLimitMs;
    while (begun().length < count) {
      if (systemClock.monotonicMs() > untilMs || child.exitCode !== null)
        throw new Error(`round ${round}: ${begun().length} of ${count} hosts have begun:\n${said}`);
      await delay(systemClock, 5);
    }
  };
  await until(3);
  const leader = fleet.leader()!;
  const before = begun().length;
  const killedAtMs = Date.now();
  await leader.kill();
  await until(before + 1);
  const waitMs = begun()[before]! - killedAtMs;
  await leader.start();
  const exitCode = await ended;
  if (exitCode !== 0 || begun().length !== hosts)
    throw new Error(`round ${round}: exit ${exitCode}, ${begun().length} hosts have begun:\n${said}`);
  return waitMs;
}
