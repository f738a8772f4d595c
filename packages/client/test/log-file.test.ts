import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { LogFile } from '../src/up/log-file.js';

const isOpen = (file: string) =>
  readdirSync('/proc/self/fd').some((descriptor) => {
    try {
      return readlinkSync(join('/proc/self/fd', descriptor)) === file;
    } catch {
      return false;
    }
  });

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

it('a log whose disk was full is written again as soon as there is room', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pogo-log-file-'));
  try {
    const path = join(directory, 'log');
    symlinkSync('/dev/full', path);
    const log = new LogFile(path);
    for (let line = 0; line < 10; line++) log.write(Buffer.from(`lost ${line}\n`));
    // It was opened, and is closed again because of what came of that.
    await until(() => isOpen('/dev/full'));
    await until(() => !isOpen('/dev/full'));
    unlinkSync(path);
    await vi.waitFor(() => {
      log.write(Buffer.from('kept\n'));
      expect(readFileSync(path, 'utf8')).toMatch(/^(kept\n)+$/);
    });
    log.end();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
