/** What a worker tells Prometheus, in its text format; durations in seconds, sizes in bytes. */
import { productVersion } from '@pogo/protocol';

/** As it is at the moment of a scrape. */
export interface WorkerFigures {
  name: string;
  /** Dispatchers of its configuration, and how many of them it is linked to. */
  dispatchers: number;
  linked: number;
  jobs: number;
  /** Attempts from order to acknowledged report. */
  held: number;
  slots: { connections: number; maxConnections: number; dialling: number; maxHandshakes: number };
  /** Reports that no dispatcher has acknowledged yet, and how long none was taken although some wait. */
  outbox: { reports: number; stuckMs: number };
  /** Undefined where the directory can't be looked at. */
  spool: { files: number; bytes: number; freeBytes: number; fileSystemBytes: number } | undefined;
  process: { residentBytes: number; heapBytes: number; externalBytes: number; cpuSeconds: number };
}

type Row = [name: string, help: string, value: number | undefined];

/** The body of a scrape. */
export function renderFigures(figures: WorkerFigures): string {
  const { slots, outbox, spool, process } = figures;
  const rows: Row[] = [
    ['pogo_worker_dispatchers', 'Dispatchers that the configuration names.', figures.dispatchers],
    ['pogo_worker_dispatchers_linked', 'Dispatchers that this worker is linked to.', figures.linked],
    ['pogo_worker_jobs_open', 'Jobs that are open here.', figures.jobs],
    [
      'pogo_worker_attempts_held',
      'Attempts here, from the order until a dispatcher has acknowledged how it ended.',
      figures.held,
    ],
    ['pogo_worker_slots', 'SSH connections that may be open at once.', slots.maxConnections],
    ['pogo_worker_slots_in_use', 'SSH connections that are open or being made.', slots.connections],
    [
      'pogo_worker_handshake_slots',
      'SSH connections that may be connecting or logging in at once.',
      slots.maxHandshakes,
    ],
    [
      'pogo_worker_handshake_slots_in_use',
      'SSH connections that are connecting or logging in.',
      slots.dialling,
    ],
    ['pogo_worker_outbox_reports', 'Reports that no dispatcher has acknowledged yet.', outbox.reports],
    [
      'pogo_worker_outbox_stuck_seconds',
      'How long no report was acknowledged although some wait; 0 while none does.',
      outbox.stuckMs / 1000,
    ],
    ['pogo_worker_spool_files', 'Jobs whose output is kept here.', spool?.files],
    ['pogo_worker_spool_bytes', 'Output that is kept here.', spool?.bytes],
    [
      'pogo_worker_spool_free_bytes',
      'Free room in the file system of the output, for this worker.',
      spool?.freeBytes,
    ],
    ['pogo_worker_spool_filesystem_bytes', 'Size of that file system.', spool?.fileSystemBytes],
    ['process_resident_memory_bytes', 'Memory of this process, its rexecs left out.', process.residentBytes],
    ['nodejs_heap_size_used_bytes', "Of it, what the engine's heap uses.", process.heapBytes],
    ['nodejs_external_memory_bytes', 'Of it, buffers outside of the heap.', process.externalBytes],
  ];
  const lines = [
    ...help('pogo_worker_build_info', 'Always 1; the labels are name and version.', 'gauge'),
    `pogo_worker_build_info{worker="${figures.name}",version="${productVersion}"} 1`,
    ...help('process_cpu_seconds_total', 'Processor time that this process has used.', 'counter'),
    `process_cpu_seconds_total ${process.cpuSeconds}`,
  ];
  for (const [name, text, value] of rows)
    if (value !== undefined) lines.push(...help(name, text, 'gauge'), `${name} ${value}`);
  return `${lines.join('\n')}\n`;
}

function help(name: string, text: string, type: 'gauge' | 'counter'): string[] {
  return [`# HELP ${name} ${text}`, `# TYPE ${name} ${type}`];
}
