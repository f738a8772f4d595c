import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type Cluster,
  type TemporaryDirectory,
  processTable,
  createTemporaryDirectory,
  signalProcesses,
  startCluster,
  trackLeaks,
} from '@pogo/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A program that behaves towards its starter as `pogo` does, and starts children as `pogo up` does. */
const actor = `
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const [verb, ...rest] = process.argv.slice(2);
if (verb === 'up' && rest.includes('--fail')) {
  writeFileSync(process.env.POGO_HOME, '');
  console.error('no store');
  process.exitCode = 1;
} else if (verb === 'up') {
  const start = (file) => spawn(process.execPath, [new URL(file, import.meta.url).pathname], {
    env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore'],
  });
  const children = [start('pogo-dispatcher.js'), start('pogo-worker.js')];
  writeFileSync(process.env.POGO_HOME, JSON.stringify({ home: process.env.HOME, rest }));
  process.stderr.write('starting\\nready https://127.0.0.1:7777\\n');
  process.on('SIGTERM', () => {
    if (rest.includes('--deaf')) return;
    if (rest.includes('--careless')) process.exit(0);
    // One that was killed is there for a moment longer.
    const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    void Promise.all(gone).then(() => process.exit(0));
  });
} else if (verb === 'cat') {
  process.stdin.pipe(process.stdout);
} else {
  console.log(JSON.stringify({ verb, rest, extra: process.env.EXTRA, pogoHome: process.env.POGO_HOME }));
  process.exitCode = 3;
}
`;
const daemon = (tail: string) => `process.on('SIGTERM', () => undefined); ${tail}`;

describe('startCluster', () => {
  const tracker = trackLeaks({ activeResources: () => process.getActiveResourcesInfo() });
  let directory: TemporaryDirectory;
  let cli: string;
  let cluster: Cluster | undefined;

  beforeEach(() => {
    directory = createTemporaryDirectory();
    mkdirSync(directory.file('node_modules'));
    writeFileSync(directory.file('package.json'), '{"type":"module"}');
    cli = directory.file('pogo.js');
    writeFileSync(cli, actor);
    const survivor = daemon('process.stdin.on("error", () => undefined); setInterval(() => undefined, 1e6);');
    writeFileSync(directory.file('pogo-dispatcher.js'), survivor);
    writeFileSync(directory.file('pogo-worker.js'), survivor);
  });

  afterEach(async () => {
    await cluster?.stop().catch(() => undefined);
    cluster = undefined;
    directory.remove();
    await tracker.assertNoLeaks();
  });

  it('gives commands a home of their own and takes their word', async () => {
    cluster = await startCluster({ cli });
    expect(cluster.url).toBe('https://127.0.0.1:7777');
    const result = await cluster.run(['status', 'a b'], { environment: { EXTRA: 'more' } });
    expect(result.exitCode).toBe(3);
    expect(JSON.parse(result.stdout)).toEqual({
      verb: 'status',
      rest: ['a b'],
      extra: 'more',
      pogoHome: cluster.home,
    });
    expect((await cluster.run(['cat'], { stdin: 'hello' })).stdout).toBe('hello');
    const child = cluster.spawn(['cat']);
    child.stdin!.write('there');
    expect(String((await once(child.stdout!, 'data'))[0])).toBe('there');
    child.stdin!.end();
    await once(child, 'close');
    const seen = JSON.parse(readFileSync(cluster.home, 'utf8')) as { home: string; rest: string[] };
    expect(seen.rest).toEqual(['--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0']);
    expect(seen.home.startsWith(cluster.directory)).toBe(true);
    await cluster.stop();
    expect(existsSync(cluster.home)).toBe(false);
  });

  it('knows its processes by role, and one that lost its parent too', async () => {
    cluster = await startCluster({ cli, upArguments: ['--careless'] });
    for (const role of ['up', 'dispatcher', 'worker'] as const) expect(cluster.pids(role)).toHaveLength(1);
    expect(cluster.pids('rexec')).toEqual([]);
    signalProcesses('KILL', cluster.pids('up'));
    await expect.poll(() => cluster!.pids('up')).toEqual([]);
    expect(cluster.pids('worker')).toHaveLength(1);
    const worker = cluster.pids('worker')[0];
    await expect(cluster.stop()).rejects.toThrow('left processes behind');
    expect(processTable().some((entry) => entry.pid === worker)).toBe(false);
  });

  it('says so when `up` leaves a process, or does not end', async () => {
    cluster = await startCluster({ cli, upArguments: ['--careless'] });
    await expect(cluster.stop()).rejects.toThrow(/left processes behind[\s\S]*pogo-dispatcher\.js/);
    cluster = await startCluster({ cli, upArguments: ['--deaf'], stopWithinMs: 100 });
    await expect(cluster.stop()).rejects.toThrow('did not end within 100 ms');
  });

  it('shows what `up` said when it never was ready, and keeps a home that was given', async () => {
    const home = directory.file('kept');
    await expect(startCluster({ cli, home, upArguments: ['--fail'] })).rejects.toThrow('no store');
    expect(existsSync(home)).toBe(true);
    await expect(startCluster({ cli: directory.file('none.js') })).rejects.toThrow('npm run build');
  });
});
