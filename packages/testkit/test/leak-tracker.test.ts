import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createTemporaryDirectory, trackLeaks } from '@pogo/testkit';
import { describe, expect, it } from 'vitest';

const options = { activeResources: () => process.getActiveResourcesInfo() };

describe('trackLeaks', () => {
  it('finds nothing where nothing was left', async () => {
    const tracker = trackLeaks(options);
    const child = spawn('true');
    const directory = createTemporaryDirectory();
    await once(child, 'close');
    directory.remove();
    await tracker.assertNoLeaks();
  });

  it('names a process, and is content when it is gone', async () => {
    const tracker = trackLeaks({ ...options, patienceMs: 100 });
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    await once(child, 'spawn');
    await expect(tracker.assertNoLeaks()).rejects.toThrow(`process ${child.pid}: sleep 1000`);
    child.kill();
    await once(child, 'exit');
    expect(tracker.leaks().filter((leak) => leak.startsWith('process'))).toEqual([]);
  });

  it('names a process that lost its parent but knows a directory of ours', async () => {
    const tracker = trackLeaks(options);
    const directory = createTemporaryDirectory();
    const script = `sh -c 'echo $$; exec sleep 1000' ${directory.path} & wait $!`;
    const child = spawn('sh', ['-c', script], { env: { PATH: '/usr/bin:/bin', MARK: directory.path } });
    const pid = Number(String((await once(child.stdout, 'data'))[0]));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(tracker.leaks().join('\n')).toContain(`process ${pid}: `);
    process.kill(pid, 'SIGKILL');
    directory.remove();
    child.stdout.destroy();
    child.stderr.destroy();
    await tracker.assertNoLeaks();
  });

  it('names a server, a timer and a directory', async () => {
    const tracker = trackLeaks(options);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect((server.address() as AddressInfo).port).toBeGreaterThan(0);
    const timer = setTimeout(() => undefined, 1_000_000);
    const directory = createTemporaryDirectory();
    const leaks = tracker.leaks();
    clearTimeout(timer);
    directory.remove();
    server.close();
    await once(server, 'close');
    expect(leaks).toContain('active resource: TCPServerWrap');
    expect(leaks).toContain('active resource: Timeout');
    expect(leaks).toContain(`directory: ${directory.path}`);
    await tracker.assertNoLeaks();
  });
});
