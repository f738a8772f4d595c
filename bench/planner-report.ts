/** The planner's bench as Markdown: a table, and each aim as met or missed with its figure. */
import { fieldShapes, Field } from './planner-field.js';
import type { Figures, Task } from './planner-figures.js';
import { median } from './timed-run.js';

export interface PlannerRow {
  task: Task;
  rounds: Figures[];
}

export const slotsAt = (hosts: number) =>
  new Field(fieldShapes.find((shape) => shape.hosts === hosts)!).slots;
export const microsecondsOf = ({ cpuMs, transitions }: Figures) => (cpuMs / transitions) * 1000;
export const medianOf = ({ rounds }: PlannerRow, figure: (figures: Figures) => number) =>
  median(rounds.map(figure));

/** How much more a transition takes than in the same round at 1,000 hosts; undefined where that wasn't measured. */
export function ratioOf(row: PlannerRow, rows: readonly PlannerRow[]): number | undefined {
  const { kind, atOnce } = row.task;
  const base = rows.find(({ task }) => task.kind === kind && task.atOnce === atOnce && task.hosts === 1000);
  if (base === undefined) return undefined;
  return median(
    row.rounds.map((figures, round) => microsecondsOf(figures) / microsecondsOf(base.rounds[round]!)),
  );
}

export function plannerReport(rows: readonly PlannerRow[], machine: string): string {
  const lines = [
    machine,
    '',
    '| hosts | slots | what | at once | plan | first decisions | namespace file | transitions a second | µs each | ÷ at 1,000 | bytes a host | longest block |',
    '| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const row of rows) {
    const { hosts, kind, atOnce } = row.task;
    const each = medianOf(row, microsecondsOf);
    const blocks = row.rounds.flatMap(({ longestBlockMs }) => longestBlockMs ?? []);
    lines.push(
      `| ${[
        count(hosts),
        count(slotsAt(hosts)),
        kind === 'bare' ? 'planner and fold alone' : 'dispatcher',
        count(atOnce),
        kind === 'bare' ? '' : milliseconds(medianOf(row, planOf)),
        milliseconds(medianOf(row, ({ firstPlanMs }) => firstPlanMs)),
        milliseconds(medianOf(row, ({ compileMs }) => compileMs)),
        count(Math.round(1e6 / each)),
        each.toFixed(1),
        ratioOf(row, rows)?.toFixed(2) ?? '',
        count(Math.round(medianOf(row, ({ bytesPerHost }) => bytesPerHost))),
        blocks.length === 0 ? '' : milliseconds(median(blocks)),
      ].join(' | ')} |`,
    );
  }
  return `${lines.join('\n')}\n\n${aims(rows).join('\n')}\n`;
}

const planOf = ({ planMs }: Figures) => planMs ?? NaN;

const milliseconds = (value: number) => `${value.toFixed(0)} ms`;

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Of the issue: at 100,000 hosts in one job with 1,000 slots. */
function aims(rows: readonly PlannerRow[]): string[] {
  const verdicts: string[] = [];
  const say = (isMet: boolean, what: string) => verdicts.push(`- ${isMet ? 'met' : '**missed**'}: ${what}`);
  for (const row of rows) {
    const { kind, hosts, atOnce } = row.task;
    if (hosts !== 100_000) continue;
    if (kind === 'bare') {
      const roundMs = medianOf(row, ({ firstPlanMs }) => firstPlanMs);
      say(
        roundMs < 1000,
        `100,000 hosts: the planner's first decisions ${roundMs.toFixed(0)} ms (aim < 1,000 ms)`,
      );
      continue;
    }
    const where = `100,000 hosts, ${count(atOnce)} at once`;
    const planMs = medianOf(row, planOf);
    const decidedMs = medianOf(row, ({ firstPlanMs }) => firstPlanMs);
    say(
      planMs < 1000,
      `${where}: the plan with its forecast ${planMs.toFixed(0)} ms (aim < 1,000 ms); from a run's plan to its first decisions ${decidedMs.toFixed(0)} ms`,
    );
    const perSecond = Math.round(1e6 / medianOf(row, microsecondsOf));
    say(perSecond >= 20_000, `${where}: ${count(perSecond)} transitions a second of one core (aim ≥ 20,000)`);
    const bytes = Math.round(medianOf(row, ({ bytesPerHost }) => bytesPerHost));
    say(bytes < 1024, `${where}: ${count(bytes)} bytes a host once the jobs have ended (aim < 1,024)`);
    const ratio = ratioOf(row, rows);
    if (ratio !== undefined)
      say(
        ratio <= 1.5,
        `${where}: a transition takes ${ratio.toFixed(2)}× what it takes at 1,000 hosts (aim ≤ 1.5×)`,
      );
  }
  return verdicts;
}
