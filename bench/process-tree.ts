/** What a tree of processes uses, read from /proc: CPU time and proportional set size. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second: 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** `root` and everything below it. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at]!) ?? []));
  return tree;
}

/** CPU seconds of the tree so far, children that have ended and were waited for included. */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const pid of treeOf(root)) {
    const fields = statFields(pid);
    if (fields !== undefined)
      ticks += [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  }
  return ticks / ticksPerSecond;
}

/** CPU seconds so far of what `pogo up` runs, by part. An ended rexec's time is with the worker that waited for it. */
export function clusterCpuSeconds(root: number): Record<'dispatcher' | 'worker' | 'rexec', number> {
  const seconds = { dispatcher: 0, worker: 0, rexec: 0 };
  for (const pid of treeOf(root)) {
    const part = partOf(pid);
    const fields = statFields(pid);
    if (part === undefined || fields === undefined) continue;
    const [user, system, childrenUser, childrenSystem] = [11, 12, 13, 14].map((field) =>
      Number(fields[field]),
    );
    seconds[part] += (user! + system!) / ticksPerSecond;
    if (part === 'worker') seconds.rexec += (childrenUser! + childrenSystem!) / ticksPerSecond;
  }
  return seconds;
}

function partOf(pid: number): 'dispatcher' | 'worker' | 'rexec' | undefined {
  try {
    const found = /pogo-(dispatcher|worker|rexec)\.js/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return found?.[1] as 'dispatcher' | 'worker' | 'rexec' | undefined;
  } catch {
    return undefined;
  }
}

/** Seconds that all cores together were busy so far, and idle (waiting for disks included). */
export function machineSeconds(): { busy: number; idle: number } {
  const line = /^cpu\s+(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, idle = 0, disk = 0, interrupts = 0, soft = 0] = line
    .split(/\s+/)
    .map(Number);
  return {
    busy: (user + nice + system + interrupts + soft) / ticksPerSecond,
    idle: (idle + disk) / ticksPerSecond,
  };
}

/** Summed PSS of the trees in bytes: memory shared between processes counts once. */
export function pssBytes(roots: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of new Set(roots.flatMap(treeOf))) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kilobytes * 1024;
}
