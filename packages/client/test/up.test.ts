/** `pogo up` with small scripts in place of the daemons: what it starts, starts again, refuses and stops. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeLayout } from '@pogo/protocol';
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, it } from 'vitest';
import { PogoFixture, type Running } from './support/pogo.js';

const daemon = (name: string) => `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
const [verb, ...args] = process.argv.slice(2);
const option = (name) => { const at = args.indexOf(name); return at < 0 ? undefined : args[at + 1]; };
const trace = (text) => appendFileSync(process.env.TRACE, '${name} ' + text + '\\n');
trace([verb, ...args].join(' '));
if (verb === 'init') {
  const home = option('--home');
  for (const file of ['client/profile.json', 'client/token', 'dispatcher/config.yaml', 'worker/config.yaml']) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), '');
  }
} else if (process.env.FAIL === '${name}') {
  console.error('pogo-${name}: it is broken: mend it');
  process.exitCode = 1;
} else {
  writeFileSync(process.env.TRACE + '.${name}', String(process.pid));
  process.on('SIGTERM', () => { trace('stopped'); process.exit(0); });
  process.stdin.on('end', () => process.exit(0)).resume();
  console.error('${name} logs');
  const port = (text) => (text === undefined ? 4001 : text.endsWith(':0') ? 4002 : text.split(':')[1]);
  console.log('not the line');
  console.log(JSON.stringify('${name}' === 'dispatcher'
    ? { ready: true, api: 'https://127.0.0.1:' + port(option('--listen')), workers: 'wss://127.0.0.1:' + port(option('--worker-listen')) }
    : { ready: true }));
}
`;

let pogo: PogoFixture;
let trace: string;
let running: Running | undefined;

beforeAll(async () => {
  pogo = await PogoFixture.build();
  for (const name of ['dispatcher', 'worker']) await pogo.file(`program/pogo-${name}.js`, daemon(name));
  await pogo.file('program/package.json', '{"type":"module"}');
});
afterAll(() => pogo.remove());
beforeEach(() => {
  trace = join(pogo.directory, 'trace');
});
afterEach(async () => {
  running?.child.kill('SIGTERM');
  await running?.ended;
  running = undefined;
  await rm(pogo.home, { recursive: true, force: true });
  await rm(trace, { force: true });
});

const lock = () => homeLayout(pogo.home).upLock;
const traced = async () => (await readFile(trace, 'utf8')).trim().split('\n');
const pidOf = (name: string) => Number(readFileSync(`${trace}.${name}`, 'utf8'));

function up(args: string[] = [], env: Record<string, string> = {}): Running {
  running = pogo.start(['up', ...args], { env: { TRACE: trace, ...env } });
  return running;
}

describe('pogo up', () => {
  it('makes the instance, starts both, says where it listens, and stops the worker first', async () => {
    const started = up(['--listen', '127.0.0.1:0']);
    await started.says('ready https://127.0.0.1:4002\n');
    expect(existsSync(lock())).toBe(true);
    started.child.kill('SIGTERM');
    const { code, stderr } = await started.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('dispatcher logs');
    const layout = homeLayout(pogo.home);
    expect(await traced()).toEqual([
      `dispatcher init --home ${pogo.home}`,
      `dispatcher run --config ${layout.dispatcher.config} --home ${pogo.home} --exit-with-parent --listen 127.0.0.1:0`,
      `worker run --config ${layout.worker.config} --dispatcher wss://127.0.0.1:4001 --exit-with-parent`,
      'worker stopped',
      'dispatcher stopped',
    ]);
    expect(await readFile(layout.dispatcher.log, 'utf8')).toBe('dispatcher logs\n');
    expect(existsSync(lock())).toBe(false);
  });

  it('leaves an instance alone that is there, and shows logs with -v', async () => {
    const first = up();
    await first.says('ready https');
    first.child.kill('SIGINT');
    await first.ended;
    const second = up(['-v']);
    await second.says('ready https');
    await second.says('worker logs');
    expect((await traced()).filter((line) => line.includes(' init '))).toHaveLength(1);
  });

  it('starts a daemon again that dies, on the ports that it had', async () => {
    const started = up(['--listen', '127.0.0.1:0']);
    await started.says('ready https');
    process.kill(pidOf('dispatcher'), 'SIGKILL');
    await started.says('dispatcher ended (SIGKILL); starting it again');
    await started.says('dispatcher is back');
    process.kill(pidOf('worker'), 'SIGKILL');
    await started.says('worker is back');
    expect((await traced()).filter((line) => line.startsWith('dispatcher run')).at(-1)).toContain(
      '--listen 127.0.0.1:4002 --worker-listen 127.0.0.1:4001',
    );
  });

  it('refuses a second one on the same directory, naming the process', async () => {
    const first = up();
    await first.says('ready https');
    const { code, stderr } = await pogo.run(['up'], { env: { TRACE: trace } });
    expect(code).toBe(1);
    expect(stderr).toContain(
      `pogo: already-running: process ${first.child.pid} runs \`pogo up\` on this directory already`,
    );
    expect((await traced()).filter((line) => line.startsWith('dispatcher run'))).toHaveLength(1);
  });

  it.each([
    ['of a process that is gone', () => JSON.stringify({ processId: 2 ** 22 + 1, startedTicks: 1 })],
    [
      'of another process with the same number',
      () => JSON.stringify({ processId: process.pid, startedTicks: 1 }),
    ],
    ['that is garbage', () => 'garbage'],
  ])('takes over a lock %s', async (_what, content) => {
    await pogo.file('home/up.lock', content());
    const started = up();
    await started.says('ready https');
    expect(JSON.parse(await readFile(lock(), 'utf8'))).toMatchObject({ processId: started.child.pid });
  });

  it('takes no lock from several who want a stale one, but one', async () => {
    await pogo.file('home/up.lock', JSON.stringify({ processId: 2 ** 22 + 1, startedTicks: 1 }));
    const several = Array.from({ length: 4 }, () => pogo.start(['up'], { env: { TRACE: trace } }));
    const outcomes = await Promise.all(
      several.map((one) =>
        Promise.race([one.says('ready https').then(() => 'ready'), one.ended.then(({ code }) => code)]),
      ),
    );
    for (const one of several) one.child.kill('SIGTERM');
    await Promise.all(several.map((one) => one.ended));
    expect(outcomes.toSorted()).toEqual([1, 1, 1, 'ready']);
  });

  it.each(['dispatcher', 'worker'])(
    'says why the %s does not start, and leaves nothing running',
    async (name) => {
      const { code, stderr } = await up([], { FAIL: name }).ended;
      expect(code).toBe(1);
      expect(stderr).toContain(
        `pogo: ${name}-failed: the ${name} did not start: pogo-${name}: it is broken: mend it`,
      );
      expect(existsSync(lock())).toBe(false);
      if (name === 'worker') expect((await traced()).at(-1)).toBe('dispatcher stopped');
    },
  );

  it('takes its daemons with it when it is killed', async () => {
    const started = up();
    await started.says('ready https');
    const pids = [pidOf('dispatcher'), pidOf('worker')];
    started.child.kill('SIGKILL');
    await started.ended;
    // Each ends when its stdin closes; the pipe that `ended` waited for is theirs too.
    for (const pid of pids) await gone(pid);
    await writeFile(trace, '');
  });
});

/** Resolves once the process is no more: its /proc entry is read to the end of its life. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
