import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AcceptedHostKeys, acceptNewComment, type KnownHostsFile } from '../src/accepted-host-keys.js';
import { jsonLog } from '../src/json-log.js';

it('a worker whose log can’t be written goes on', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const log = jsonLog({ level: 'info', name: 'w1', fileDescriptor: full });
    for (let line = 0; line < 10_000; line++)
      log.info({ line, text: 'x'.repeat(1000) }, 'something happened');
    // What the stream had to say about that would be an uncaught error by then.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    closeSync(full);
  }
});

it('a host key of which a full disk takes only a part isn’t recorded at all: its mark would be missing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pogo-known-hosts-'));
  try {
    const path = join(directory, 'known_hosts');
    let roomBytes = Infinity;
    const openFile = async (file: string, flags: string, mode: number): Promise<KnownHostsFile> => {
      const handle = await open(file, flags, mode);
      return {
        stat: () => handle.stat(),
        read: (buffer, offset, length, position) => handle.read(buffer, offset, length, position),
        write: (bytes) => handle.write(bytes.subarray(0, Math.min(bytes.length, roomBytes))),
        truncate: (length) => handle.truncate(length),
        sync: () => handle.sync(),
        close: () => handle.close(),
      };
    };
    const keys = new AcceptedHostKeys(path, openFile);
    const key = `ssh-ed25519 ${'A'.repeat(68)}`;
    expect(await keys.add({ host: 'web1', port: 22, key })).toBeUndefined();
    const line = `web2 ${key} ${acceptNewComment}\n`;
    roomBytes = line.length - acceptNewComment.length - 2;
    expect(await keys.add({ host: 'web2', port: 22, key })).toContain('is the disk of');
    expect(readFileSync(path, 'utf8')).toBe(`web1 ${key} ${acceptNewComment}\n`);
    roomBytes = Infinity;
    expect(await keys.add({ host: 'web2', port: 22, key })).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe(`web1 ${key} ${acceptNewComment}\n${line}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
