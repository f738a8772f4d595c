/** A PAM service of a test's own, so that no file of the system's has to be changed. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLeftover, ownedName } from './owner.js';
import { requireRoot } from './root.js';

const folder = '/etc/pam.d';

export interface PamService {
  /** For `pam_service=` in sudoers, or `pamService` of an sshd. */
  readonly name: string;
  remove(): void;
}

/** Where modules take their own files from: they refuse those that lie below a directory that others can write. */
const moduleFolder = '/etc/security';

/**
 * `lines` are those of a file in /etc/pam.d (pam.d(5)); `FILE` in them becomes the path of a file with `content`, for
 * a module that wants one. Needs root.
 */
export function createPamService(lines: readonly string[], content = ''): PamService {
  requireRoot('a PAM service');
  for (const one of [folder, moduleFolder]) {
    for (const name of readdirSync(one)) if (isLeftover(name)) rmSync(join(one, name), { force: true });
  }
  const name = ownedName();
  const file = join(folder, name);
  const moduleFile = join(moduleFolder, name);
  const text = lines.map((line) => `${line.replaceAll('FILE', moduleFile)}\n`).join('');
  writeFileSync(file, text, { mode: 0o644 });
  if (content !== '') writeFileSync(moduleFile, content, { mode: 0o600 });
  return {
    name,
    remove: () => {
      rmSync(file, { force: true });
      rmSync(moduleFile, { force: true });
    },
  };
}
