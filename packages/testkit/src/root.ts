import { statSync } from 'node:fs';

/** The effective user id of this process. */
export function ownUid(): number {
  return statSync('/proc/self').uid;
}

/** Whether this process may make accounts and namespaces and run a real sshd. */
export function isRoot(): boolean {
  return ownUid() === 0;
}

/** Throws, with the next step, when `what` needs root and this isn't. */
export function requireRoot(what: string): void {
  if (isRoot()) return;
  throw new Error(
    `needs-root: ${what} needs root, and this process runs as uid ${ownUid()}. ` +
      'Run the tests as root, or use the practice host, which needs neither root nor sshd.',
  );
}
