import { once } from 'node:events';
import { connect } from 'node:net';
import { type OddHost, type Oddity, refusedPort, runCommand, startOddHost, trackLeaks } from '@pogo/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const tracker = trackLeaks({ activeResources: () => process.getActiveResourcesInfo() });

describe('odd hosts', () => {
  let host: OddHost | undefined;

  afterEach(async () => {
    await host?.stop();
    await host?.stop();
    host = undefined;
    await tracker.assertNoLeaks();
  });

  const ssh = (port: number, ...more: string[]) =>
    runCommand('ssh', [
      ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'UserKnownHostsFile=/dev/null'],
      ...[...more, '-p', String(port), 'someone@127.0.0.1', 'true'],
    ]);

  it.each<[Oddity, RegExp]>([
    ['closes-in-handshake', /Connection (closed|reset)/],
    ['closes-at-once', /Connection (closed|reset)|identification/],
    ['garbage', /banner|identification|Bad|no protocol/i],
    ['garbage-after-version', /packet|Bad|Corrupted/i],
  ])('a host that %s makes ssh give up with its own words', async (oddity, words) => {
    host = await startOddHost(oddity);
    const result = await ssh(host.port);
    expect(result.exitCode).toBe(255);
    expect(result.stderr).toMatch(words);
    expect(host.connections()).toBe(1);
    if (oddity === 'closes-in-handshake') expect(host.received().toString()).toMatch(/^SSH-2\.0-OpenSSH/);
  });

  it('a silent host lets the client wait for as long as it likes', async () => {
    host = await startOddHost('silent', { address: '127.0.0.2' });
    const client = connect({ host: host.address, port: host.port });
    await host.waitForConnections(1);
    let said = 0;
    client.on('data', (chunk) => (said += chunk.length));
    const closed = once(client, 'close');
    await host.stop();
    await closed;
    expect(said).toBe(0);
  });

  it('a refused port refuses', async () => {
    expect((await ssh(await refusedPort())).stderr).toContain('Connection refused');
  });
});
