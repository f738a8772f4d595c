/** Samples of the memory of processes, kept in memory and written to a CSV file as they come. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

/** What V8 says of its heap, in bytes. */
export interface HeapFigures {
  heapBytes: number;
  /** Memory that the young generation takes up, in use or not: V8 sizes it by how fast is allocated. */
  youngBytes: number;
  /** The same of all other spaces. */
  oldBytes: number;
  /** Outside of the heap, and held by objects in it. */
  externalBytes: number;
}

export interface MemorySample {
  /** Since the start of the soak. */
  seconds: number;
  role: string;
  pid: number;
  rssBytes: number;
  /** Memory shared with other processes counts in parts. */
  pssBytes: number;
  /** The part that is in no file. How much of a mapped file counts depends on who else has it mapped, and on the page cache. */
  anonymousBytes: number;
  heap: HeapFigures | undefined;
}

/** Undefined when the process has ended. */
export function memoryOf(
  pid: number,
): Pick<MemorySample, 'rssBytes' | 'pssBytes' | 'anonymousBytes'> | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024;
    const rssBytes = bytes('Rss');
    if (rssBytes === 0) return undefined;
    return { rssBytes, pssBytes: bytes('Pss'), anonymousBytes: bytes('Pss_Anon') };
  } catch {
    return undefined;
  }
}

/** The most that the process has had resident so far, in bytes. */
export function peakResidentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

export class MemoryRecord {
  readonly samples: MemorySample[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    writeFileSync(
      file,
      'seconds,role,pid,rssBytes,pssBytes,anonymousBytes,heapBytes,youngBytes,oldBytes,externalBytes\n',
    );
  }

  /** Takes one sample of each; those that have ended meanwhile are passed over. */
  take(
    seconds: number,
    processes: readonly { pid: number; role: string; heap: HeapFigures | undefined }[],
  ): void {
    let lines = '';
    for (const { pid, role, heap } of processes) {
      const memory = memoryOf(pid);
      if (memory === undefined) continue;
      const sample = { seconds, role, pid, ...memory, heap };
      this.samples.push(sample);
      const { rssBytes, pssBytes, anonymousBytes } = memory;
      const figures = heap && [heap.heapBytes, heap.youngBytes, heap.oldBytes, heap.externalBytes];
      lines += `${[seconds.toFixed(1), role, pid, rssBytes, pssBytes, anonymousBytes, ...(figures ?? ['', '', '', ''])].join(',')}\n`;
    }
    appendFileSync(this.#file, lines);
  }
}

/** The samples that a {@link MemoryRecord} wrote. */
export function readMemoryRecord(file: string): MemorySample[] {
  const [, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [seconds, role, pid, rssBytes, pssBytes, anonymousBytes, heapBytes, ...spaces] = line.split(',');
    const [youngBytes = NaN, oldBytes = NaN, externalBytes = NaN] = spaces.map(Number);
    return {
      seconds: Number(seconds),
      role: role!,
      pid: Number(pid),
      rssBytes: Number(rssBytes),
      pssBytes: Number(pssBytes),
      anonymousBytes: Number(anonymousBytes),
      heap:
        heapBytes === '' ? undefined : { heapBytes: Number(heapBytes), youngBytes, oldBytes, externalBytes },
    };
  });
}
