/** What a process did to its files, in order, as strace saw it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type FileEvent =
  /** A line on stdout; the moment in which the call began. */
  | { kind: 'said'; line: string }
  /** The call has returned, and without an error. */
  | { kind: 'write'; file: string; descriptor: number }
  | { kind: 'sync'; file: string; descriptor: number; begun: number };

/** The command that traces what comes behind it, and writes what it saw to `output`. */
export async function tracer(output: string): Promise<string[]> {
  await run('strace', ['-V']).catch(() => {
    throw new Error('this test needs strace: apt-get install strace');
  });
  const calls = 'trace=write,writev,pwrite64,fdatasync,fsync';
  return ['strace', '-f', '-y', '-qq', '-s', '200', '-e', calls, '-e', 'signal=none', '-o', output];
}

interface Begun {
  call: string;
  descriptor: number;
  file: string;
  /** How many events came before it. */
  begun: number;
}

export async function tracedEvents(output: string): Promise<FileEvent[]> {
  const events: FileEvent[] = [];
  /** Calls that another thread's line came in between, by thread. */
  const unfinished = new Map<string, Begun>();
  for (const line of (await readFile(output, 'utf8')).split('\n')) {
    const thread = line.split(' ')[0]!;
    const said = /write\(1<.*?>, "(.*)\\n"/.exec(line)?.[1];
    if (said !== undefined) events.push({ kind: 'said', line: said });
    const begins = /^\d+ +(\w+)\((\d+)<([^>]*)>/.exec(line);
    const call: Begun | undefined = begins
      ? { call: begins[1]!, descriptor: Number(begins[2]), file: begins[3]!, begun: events.length }
      : /^\d+ +<\.\.\. \w+ resumed>/.test(line)
        ? unfinished.get(thread)
        : undefined;
    if (call === undefined || call.descriptor <= 2) continue;
    if (line.endsWith('<unfinished ...>')) {
      unfinished.set(thread, call);
      continue;
    }
    unfinished.delete(thread);
    const { descriptor, file, begun } = call;
    const isSync = call.call.endsWith('sync');
    const returned = Number(/= (-?\d+)\b[^=]*$/.exec(line)?.[1] ?? '-1');
    if (isSync && returned === 0) events.push({ kind: 'sync', file, descriptor, begun });
    if (!isSync && returned > 0) events.push({ kind: 'write', file, descriptor });
  }
  return events;
}

/**
 * What is wrong with the order: each `ok` needs a write to a write-ahead log since the `ok` before it, and after the last
 * such write a sync of the same descriptor that began behind it and has returned.
 */
export function unsyncedAnswers(events: readonly FileEvent[]): string[] {
  const faults: string[] = [];
  /** Where the last write to each descriptor of a log is among the events, until it is synced. */
  const dirty = new Map<number, number>();
  let written = false;
  for (const [at, event] of events.entries()) {
    if (event.kind === 'said') {
      if (!event.line.startsWith('ok ')) continue;
      if (!written) faults.push(`${event.line}: nothing was written for it`);
      if (dirty.size > 0) faults.push(`${event.line}: said before a sync`);
      written = false;
    } else if (!event.file.endsWith('.log')) {
      continue;
    } else if (event.kind === 'write') {
      dirty.set(event.descriptor, at);
      written = true;
    } else if ((dirty.get(event.descriptor) ?? Infinity) < event.begun) {
      dirty.delete(event.descriptor);
    }
  }
  return faults;
}

/** How many syncs of write-ahead logs there were between two lines. */
export function syncsBetween(events: readonly FileEvent[], first: string, last: string): number {
  const place = (line: string) => events.findIndex((event) => event.kind === 'said' && event.line === line);
  return events
    .slice(place(first), place(last))
    .filter((event) => event.kind === 'sync' && event.file.endsWith('.log')).length;
}
