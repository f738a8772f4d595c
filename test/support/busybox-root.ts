/**
 * A root directory with BusyBox and nothing else: no GNU tool can be found in it. An account is locked into it by sshd
 * (`ChrootDirectory`), so what runs there is what would run on a small appliance.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Account, mustRun } from '@pogo/testkit';

export interface BusyboxRoot {
  readonly path: string;
  /** Where the account's home lies, seen from outside. */
  readonly home: string;
  remove(): Promise<void>;
}

export async function createBusyboxRoot(account: Account): Promise<BusyboxRoot> {
  // Not below /tmp: sshd wants every directory on the way to be writable by root alone.
  const root = mkdtempSync('/srv/pogo-busybox-');
  chmodSync(root, 0o755);
  const inside = (path: string) => join(root, path);
  for (const path of ['bin', 'proc', 'dev', 'etc']) mkdirSync(inside(path), { mode: 0o755 });
  mkdirSync(inside('tmp'));
  chmodSync(inside('tmp'), 0o1777);
  const busybox = (await mustRun('sh', ['-c', 'command -v busybox'])).trim();
  copyFileSync(busybox, inside('bin/busybox'));
  chmodSync(inside('bin/busybox'), 0o755);
  const libraries = await mustRun('sh', ['-c', `ldd ${busybox} || true`]);
  for (const [, library] of libraries.matchAll(/(\/\S+) \(0x/g)) {
    mkdirSync(dirname(inside(library!)), { recursive: true });
    copyFileSync(library!, inside(library!));
  }
  const applets = (await mustRun(busybox, ['--list'])).split('\n').filter((name) => name !== '');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', inside(`bin/${applet}`));
  await mustRun('mknod', ['-m', '666', inside('dev/null'), 'c', '1', '3']);
  writeFileSync(
    inside('etc/passwd'),
    `${account.name}:x:${account.uid}:${account.gid}::${account.home}:/bin/sh\n`,
  );
  const home = inside(account.home);
  mkdirSync(home, { recursive: true });
  chownSync(home, account.uid, account.gid);
  chmodSync(home, 0o700);
  await mustRun('mount', ['-t', 'proc', 'proc', inside('proc')]);
  return {
    path: root,
    home,
    async remove() {
      await mustRun('umount', [inside('proc')]);
      rmSync(root, { recursive: true });
    },
  };
}
