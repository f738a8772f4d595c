/** The planner's bench as SVG: what a transition takes, and what a host keeps, over the number of hosts. */
import { medianOf, microsecondsOf, type PlannerRow } from './planner-report.js';

interface Line {
  name: string;
  points: { hosts: number; value: number }[];
}

interface Panel {
  title: string;
  lines: Line[];
  aim: { value: number; text: string };
}

const width = 860;
const left = 60;
const right = 190;
const plotted = 180;
const panelHeight = plotted + 62;
const colours = ['#0969da', '#bc4c00', '#8250df'];

const style = `
  svg { color-scheme: light dark; }
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .small { font-size: 11px; fill: #57606a; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .aim { stroke: #cf222e; stroke-dasharray: 5 4; } text.aim { fill: #cf222e; stroke: none; }
  polyline { fill: none; stroke-width: 1.8; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
  }`;

export function plannerPlot(rows: readonly PlannerRow[]): string {
  const lineOf = (
    title: string,
    value: (row: PlannerRow) => number,
    chosen: (row: PlannerRow) => boolean,
  ): Line => ({
    name: title,
    points: rows.filter(chosen).map((row) => ({ hosts: row.task.hosts, value: value(row) })),
  });
  const atOnce = [
    ...new Set(rows.filter(({ task }) => task.kind === 'dispatcher').map(({ task }) => task.atOnce)),
  ];
  const linesOf = (value: (row: PlannerRow) => number): Line[] => [
    ...atOnce.map((number) =>
      lineOf(
        `dispatcher, ${number.toLocaleString('en-US')} at once`,
        value,
        ({ task }) => task.kind === 'dispatcher' && task.atOnce === number,
      ),
    ),
    lineOf('planner and fold alone', value, ({ task }) => task.kind === 'bare'),
  ];
  const panels: Panel[] = [
    {
      title: 'CPU microseconds a transition of a host',
      lines: linesOf((row) => medianOf(row, microsecondsOf)),
      aim: { value: 50, text: 'aim: 20,000 a second' },
    },
    {
      title: 'Bytes a host once its job has ended',
      lines: linesOf((row) => medianOf(row, ({ bytesPerHost }) => bytesPerHost)),
      aim: { value: 1024, text: 'aim: 1 KB' },
    },
  ];
  const height = panels.length * panelHeight + 10;
  const name = 'Cost of a host over the number of hosts';
  const body = panels.flatMap((panel, index) => panelOf(panel, 34 + index * panelHeight));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}"><style>${style}</style>\n${body.join('\n')}\n</svg>\n`;
}

/** Hosts on a logarithmic axis; values from zero. */
function panelOf({ title, lines, aim }: Panel, above: number): string[] {
  const hosts = [...new Set(lines.flatMap(({ points }) => points.map((point) => point.hosts)))];
  const [least, most] = [Math.log10(Math.min(...hosts)), Math.log10(Math.max(...hosts))];
  const ceiling =
    1.15 * Math.max(aim.value, ...lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const x = (count: number) =>
    tenths(left + ((Math.log10(count) - least) / Math.max(most - least, 1e-9)) * (width - left - right));
  const y = (value: number) => tenths(above + plotted - (value / ceiling) * plotted);
  const body = [`<text x="${left}" y="${above - 12}">${title}</text>`];
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const value = part * ceiling;
    body.push(
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}"/>`,
      `<text class="small" x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value < 10 ? value.toFixed(1) : Math.round(value)}</text>`,
    );
  }
  body.push(
    `<line class="aim" x1="${left}" x2="${width - right}" y1="${y(aim.value)}" y2="${y(aim.value)}"/>`,
    `<text class="aim" x="${width - right + 8}" y="${y(aim.value) + 4}">${aim.text}</text>`,
  );
  for (const count of hosts) {
    body.push(
      `<text class="small" x="${x(count)}" y="${above + plotted + 18}" text-anchor="middle">${count.toLocaleString('en-US')} hosts</text>`,
    );
  }
  for (const [index, { name, points }] of lines.entries()) {
    const last = points.at(-1);
    if (last === undefined) continue;
    const path = points.map((point) => `${x(point.hosts)},${y(point.value)}`).join(' ');
    body.push(
      `<polyline points="${path}" style="stroke: ${colours[index]!}"/>`,
      ...points.map(
        (point) =>
          `<circle cx="${x(point.hosts)}" cy="${y(point.value)}" r="3" style="fill: ${colours[index]!}"/>`,
      ),
      `<text x="${width - right + 8}" y="${above + 14 + index * 16}" style="fill: ${colours[index]!}">${name}</text>`,
    );
  }
  return body;
}

const tenths = (value: number) => Math.round(value * 10) / 10;
