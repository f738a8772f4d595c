import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeLayout, type HomeLayout } from '@pogo/protocol';
import { makeInstance } from '../../src/instance/instance.js';

/** An instance below a temporary home. */
export interface TestInstance {
  layout: HomeLayout;
  read(path: string): string;
  remove(): void;
}

export async function makeTestInstance(): Promise<TestInstance> {
  const home = mkdtempSync(join(tmpdir(), 'pogo-dispatcher-'));
  const outcome = await makeInstance({
    home,
    nowMs: Date.now(),
    randomBytes: (count) => randomBytes(count),
  });
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  return {
    layout: homeLayout(home),
    read: (path) => readFileSync(path, 'utf8'),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
