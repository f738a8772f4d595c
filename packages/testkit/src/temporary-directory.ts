import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLeftover, ownedName } from './owner.js';

/** A directory of a test's own, removed with all that is in it. */
export interface TemporaryDirectory {
  readonly path: string;
  /** The path of `name` inside the directory. */
  file(name: string): string;
  remove(): void;
}

/** Removes temporary directories whose owner was killed before it could. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!isLeftover(name)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another test file is removing the same one, or it belongs to another user.
    }
  }
}

/** Makes a directory under the system's temporary directory, with mode 0700 unless told otherwise. */
export function createTemporaryDirectory(options: { mode?: number } = {}): TemporaryDirectory {
  removeLeftovers();
  const path = join(tmpdir(), ownedName());
  mkdirSync(path, { mode: options.mode ?? 0o700 });
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
