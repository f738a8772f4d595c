/** The ZooKeeper bench as Markdown. */
import { median } from './timed-run.js';
import type { DataSize, JobFigures } from './zookeeper-figures.js';

export interface Measured {
  jobs: readonly JobFigures[];
  /** Undefined of the memory driver. */
  sizes: {
    before: DataSize | undefined;
    peak: DataSize | undefined;
    afterJobs: readonly DataSize[];
    expired: DataSize | undefined;
  };
}

export interface ZooKeeperRow {
  commandMs: number;
  memory: Measured;
  zookeeper: Measured;
}

export function zooKeeperReport(
  rows: readonly ZooKeeperRow[],
  { machine, hosts, atOnce }: { machine: string; hosts: number; atOnce: number },
): string {
  const jobs = rows[0]!.zookeeper.jobs.length;
  const lines = [
    `${machine} Medians of ${jobs} jobs of ${count(hosts)} hosts, ${count(atOnce)} at once.`,
    '',
    '| commands | driver | time | transitions a second | ÷ memory | appends a second | mean append | entries a batch, mean (most) | KB a batch, mean (most) | dispatcher’s CPU |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const { commandMs, memory, zookeeper } of rows) {
    const base = of(memory, rateOf);
    for (const [driver, measured] of Object.entries({ memory, zookeeper })) {
      lines.push(
        `| ${[
          commandMs === 0 ? 'end at once' : `${commandMs / 2000} to ${(commandMs * 3) / 2000} s`,
          driver,
          `${(of(measured, ({ wallMs }) => wallMs) / 1000).toFixed(2)} s`,
          count(of(measured, rateOf)),
          (of(measured, rateOf) / base).toFixed(2),
          count(of(measured, ({ batches, wallMs }) => (batches / wallMs) * 1000)),
          `${of(measured, ({ appendMs, batches }) => appendMs / batches).toFixed(1)} ms`,
          `${of(measured, ({ entries, batches }) => entries / batches).toFixed(0)} (${most(measured, ({ largestBatch }) => largestBatch)})`,
          `${kilobytes(of(measured, ({ bytes, batches }) => bytes / batches))} (${kilobytes(most(measured, ({ largestBytes }) => largestBytes))})`,
          `${(of(measured, ({ cpuMs }) => cpuMs) / 1000).toFixed(2)} s`,
        ].join(' | ')} |`,
      );
    }
  }
  lines.push(
    '',
    '| commands | ZooKeeper’s nodes and data before | most, during | after each job | once none of them is kept |',
    '| --- | ---: | ---: | ---: | ---: |',
  );
  for (const { commandMs, zookeeper } of rows) {
    const { before, peak, afterJobs, expired } = zookeeper.sizes;
    const cells = [before, peak].map(shown);
    cells.push(afterJobs.map(shown).join('; '), shown(expired));
    lines.push(
      `| ${commandMs === 0 ? 'end at once' : `about ${commandMs / 1000} s`} | ${cells.join(' | ')} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

const rateOf = ({ transitions, wallMs }: JobFigures) => (transitions / wallMs) * 1000;
const of = ({ jobs }: Measured, figure: (job: JobFigures) => number) => median(jobs.map(figure));
const most = ({ jobs }: Measured, figure: (job: JobFigures) => number) => Math.max(...jobs.map(figure));
const count = (value: number) => Math.round(value).toLocaleString('en-US');
const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1);
const shown = (size: DataSize | undefined) =>
  size === undefined ? '' : `${count(size.nodes)}, ${(size.bytes / 1e6).toFixed(2)} MB`;
