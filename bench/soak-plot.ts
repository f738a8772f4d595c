/** Small line charts, one above the other, as SVG that reads on light and on dark ground. */

export interface Panel {
  title: string;
  /** Shown at the right, in small print. */
  note: string;
  lines: { name: 'memory' | 'heap' | 'trend'; points: readonly { x: number; y: number }[] }[];
}

const width = 860;
const panelHeight = 130;
const left = 52;
const right = 14;
const top = 30;
const bottom = 26;

const style = `
  svg { color-scheme: light dark; }
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .small { font-size: 11px; fill: #57606a; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .warm { fill: #8c959f; fill-opacity: 0.13; }
  polyline { fill: none; stroke-width: 1.5; }
  .memory { stroke: #0969da; } .heap { stroke: #bc4c00; } .trend { stroke: #24292f; stroke-dasharray: 5 4; }
  text.memory { fill: #0969da; stroke: none; } text.heap { fill: #bc4c00; stroke: none; } text.trend { stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
    .memory { stroke: #4493f8; } .heap { stroke: #f0883e; } .trend { stroke: #e6edf3; }
    text.memory { fill: #4493f8; } text.heap { fill: #f0883e; }
  }`;

/** x in minutes, y in MB; what is before `warmUpMinutes` is shaded. */
export function plotSvg(
  panels: readonly Panel[],
  options: { minutes: number; warmUpMinutes: number },
): string {
  const { minutes, warmUpMinutes } = options;
  const height = top + panels.length * (panelHeight + bottom) + 22;
  const x = (minute: number) => left + (minute / minutes) * (width - left - right);
  const body: string[] = [
    `<text x="${left}" y="18" class="memory">memory in no file</text>`,
    `<text x="${left + 125}" y="18" class="heap">JavaScript heap in use</text>`,
    `<text x="${left + 275}" y="18" class="trend">- - straight line through the memory</text>`,
    `<text x="${width - right}" y="18" class="small" text-anchor="end">shaded: warm-up</text>`,
  ];
  panels.forEach((panel, index) => {
    const above = top + 18 + index * (panelHeight + bottom);
    const most = Math.max(1, ...panel.lines.flatMap(({ points }) => points.map(({ y }) => y)));
    const step = niceStep(most);
    const ceiling = Math.ceil((most * 1.05) / step) * step;
    const plotted = panelHeight - 24;
    const y = (value: number) => above + plotted - (value / ceiling) * plotted;
    body.push(
      `<rect class="warm" x="${left}" y="${above}" width="${tenths(x(warmUpMinutes) - left)}" height="${plotted}"/>`,
    );
    for (let value = 0; value <= ceiling; value += step) {
      body.push(
        `<line class="grid" x1="${left}" x2="${width - right}" y1="${tenths(y(value))}" y2="${tenths(y(value))}"/>`,
        `<text class="small" x="${left - 6}" y="${tenths(y(value) + 4)}" text-anchor="end">${value}</text>`,
      );
    }
    body.push(
      `<text x="${left}" y="${above - 5}">${escaped(panel.title)}, MB</text>`,
      `<text class="small" x="${width - right}" y="${above - 5}" text-anchor="end">${escaped(panel.note)}</text>`,
    );
    for (const { name, points } of panel.lines) {
      const path = points.map((point) => `${tenths(x(point.x))},${tenths(y(point.y))}`).join(' ');
      body.push(`<polyline class="${name}" points="${path}"/>`);
    }
  });
  const minuteStep = niceStep(minutes);
  for (let minute = 0; minute <= minutes; minute += minuteStep) {
    body.push(
      `<text class="small" x="${tenths(x(minute))}" y="${height - 22}" text-anchor="middle">${minute}</text>`,
    );
  }
  body.push(
    `<text class="small" x="${(left + width - right) / 2}" y="${height - 6}" text-anchor="middle">minutes</text>`,
  );
  const name = 'Memory of each process over time';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}"><style>${style}</style>\n${body.join('\n')}\n</svg>\n`;
}

/** 1, 2 or 5 times a power of ten, for four to eight lines up to `most`. */
function niceStep(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => most / step <= 6) ?? most;
}

const tenths = (value: number) => Math.round(value * 10) / 10;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
