/** The memory of a running process as a file, taken by a debugger from outside (Debian's gdb). */
import { readFileSync, writeFileSync } from 'node:fs';
import { mustRun } from '@pogo/testkit';

/**
 * Writes all that the process may write to into `file`. Not a whole core: V8 reserves address space by the gigabyte,
 * and `gcore` would write it all.
 */
export async function dumpMemory(pid: number, file: string): Promise<void> {
  const commands = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line))
    .filter((match) => match !== null)
    .flatMap(([, from, to]) => ['-ex', `append binary memory ${file} 0x${from} 0x${to}`]);
  writeFileSync(file, '');
  await mustRun('gdb', ['-nx', '-batch', '-p', String(pid), ...commands]);
}
