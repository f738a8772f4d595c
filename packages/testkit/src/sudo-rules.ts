/**
 * Real sudo rules for real accounts: a private file in /etc/sudoers.d, gone again after the test.
 *
 * 1. Nothing is put in force that `visudo -c` doesn't accept: a broken file there would take sudo from everybody.
 * 2. Only files whose name `owner.ts` gave are ever removed, and those of a killed run at the next call.
 */
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLeftover, ownedName } from './owner.js';
import { requireRoot } from './root.js';
import { mustRun } from './run-command.js';

const folder = '/etc/sudoers.d';

export interface SudoRules {
  remove(): void;
}

/** Puts lines of sudoers(5) in force; name the test's own accounts in them. Needs root and Debian's sudo. */
export async function addSudoRules(lines: readonly string[]): Promise<SudoRules> {
  requireRoot('a sudo rule');
  if (!existsSync('/usr/sbin/visudo')) {
    throw new Error('no-sudo: /usr/sbin/visudo is missing. Install it: apt-get install sudo');
  }
  for (const name of readdirSync(folder)) {
    if (isLeftover(name.replace(/\.new$/, ''))) rmSync(join(folder, name), { force: true });
  }
  const file = join(folder, ownedName());
  // sudo passes over names with a dot.
  const unchecked = `${file}.new`;
  writeFileSync(unchecked, lines.map((line) => `${line}\n`).join(''), { mode: 0o440 });
  chmodSync(unchecked, 0o440);
  try {
    await mustRun('/usr/sbin/visudo', ['-c', '-q', '-f', unchecked]);
    renameSync(unchecked, file);
  } finally {
    rmSync(unchecked, { force: true });
  }
  return { remove: () => rmSync(file, { force: true }) };
}
