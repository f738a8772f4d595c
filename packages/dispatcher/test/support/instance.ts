import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeLayout, type HomeLayout } from '@pogo/protocol';
import { makeInstance } from '../../src/instance/instance.js';

/** An instance below a temporary home. */
export interface TestInstance {
  layout: HomeLayout;
  read(path: string): string;
  /** Another home with the same keys. */
  copy(): TestInstance;
  remove(): void;
}

export async function makeTestInstance(): Promise<TestInstance> {
  const home = temporaryHome();
  const outcome = await makeInstance({
    home,
    nowMs: Date.now(),
    randomBytes: (count) => randomBytes(count),
  });
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  return at(home);
}

function at(home: string): TestInstance {
  return {
    layout: homeLayout(home),
    read: (path) => readFileSync(path, 'utf8'),
    copy: () => {
      const other = temporaryHome();
      cpSync(home, other, { recursive: true });
      return at(other);
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function temporaryHome(): string {
  return mkdtempSync(join(tmpdir(), 'pogo-dispatcher-'));
}
