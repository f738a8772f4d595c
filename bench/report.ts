/** The table, as Markdown: ratios first, since seconds are of one machine. */
import { median, type RunFigures } from './timed-run.js';

export interface Row {
  hosts: number;
  name: string;
  keyExchange: string;
  rounds: RunFigures[];
  peakBytes: number | undefined;
}

const seconds = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(1));
const wall = (row: Row) => median(row.rounds.map((round) => round.wallSeconds));
const cpu = (row: Row) => median(row.rounds.map((round) => round.cpuSeconds));
/** CPU time of everything else on the machine meanwhile: nearly all of it is the hosts'. */
const hostsCpu = (row: Row) =>
  median(row.rounds.map((round) => Math.max(0, round.machine.busy - round.cpuSeconds)));
const idle = (row: Row) => median(row.rounds.map((round) => round.machine.idle));

export function reportText(rows: readonly Row[], machine: string): string {
  const lines = [
    machine,
    '',
    "| hosts | tool | key exchange | wall s (min–max) | wall ÷ bare loop | CPU s | hosts' CPU s | idle s | peak PSS MB | rounds |",
    '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const row of rows) {
    const bare = rows.find((other) => other.hosts === row.hosts && other.name === 'bare ssh2 loop');
    const walls = row.rounds.map((round) => round.wallSeconds);
    lines.push(
      `| ${[
        row.hosts,
        row.name,
        row.keyExchange,
        `${seconds(wall(row))} (${seconds(Math.min(...walls))}–${seconds(Math.max(...walls))})`,
        bare ? (wall(row) / wall(bare)).toFixed(2) : '',
        seconds(cpu(row)),
        seconds(hostsCpu(row)),
        seconds(idle(row)),
        row.peakBytes === undefined ? '' : Math.round(row.peakBytes / 1e6),
        row.rounds.length,
      ].join(' | ')} |`,
    );
  }
  return `${[lines, profile(rows), aims(rows)].map((part) => part.join('\n')).join('\n\n')}\n`;
}

/** Where the CPU time of `pogo run` goes, beside what the bare loop takes. */
function profile(rows: readonly Row[]): string[] {
  const lines = [
    '| hosts | client | dispatcher | worker | rexec | hosts | bare loop | its hosts |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const row of rows.filter(({ name }) => name === 'pogo run')) {
    const part = (name: 'client' | 'dispatcher' | 'worker' | 'rexec') =>
      seconds(median(row.rounds.map(({ parts }) => parts?.[name] ?? 0)));
    const bare = find(rows, row.hosts, 'bare ssh2 loop');
    lines.push(
      `| ${[
        row.hosts,
        ...(['client', 'dispatcher', 'worker', 'rexec'] as const).map(part),
        seconds(hostsCpu(row)),
        ...(bare ? [seconds(cpu(bare)), seconds(hostsCpu(bare))] : ['', '']),
      ].join(' | ')} |`,
    );
  }
  return [
    'CPU seconds by part (medians; a second `rexec`, the clean spare, is started within each run):',
    '',
    ...lines,
  ];
}

function find(rows: readonly Row[], hosts: number, name: string, keyExchange = 'same'): Row | undefined {
  return rows.find((row) => row.hosts === hosts && row.name === name && row.keyExchange === keyExchange);
}

/** The aims, each as met or missed with its figure. */
function aims(rows: readonly Row[]): string[] {
  const verdicts: string[] = [];
  const say = (aim: string, value: number, limit: number, unit: string) =>
    verdicts.push(
      `- ${value <= limit ? 'met' : '**missed**'}: ${aim}: ${value.toFixed(2)}${unit} (aim ≤ ${limit}${unit})`,
    );
  const pogo200 = find(rows, 200, 'pogo run');
  const bare200 = find(rows, 200, 'bare ssh2 loop');
  if (pogo200 && bare200) say('200 hosts against the bare loop', wall(pogo200) / wall(bare200), 1.2, '×');
  for (const peer of ['pdsh', 'parallel-ssh', 'clush']) {
    const row = find(rows, 200, peer);
    if (pogo200 && row)
      say(`200 hosts against ${peer}, same key exchange`, wall(pogo200) / wall(row), 1, '×');
  }
  const pogo1 = find(rows, 1, 'pogo run');
  const ssh1 = find(rows, 1, 'ssh', 'as shipped');
  if (pogo1 && ssh1) say('one host against `ssh host true` as shipped', wall(pogo1) / wall(ssh1), 2, '×');
  const peak = find(rows, 1000, 'pogo run')?.peakBytes;
  if (peak !== undefined) say('1,000 hosts, peak PSS of all processes', peak / 1e6, 300, ' MB');
  return verdicts;
}
