/**
 * `npm run soak`: one job over very many scripted hosts, or jobs without a break for a given time, with the memory of every process.
 * Runs in a network namespace with only `lo` (scripts/soak.mjs).
 *
 * Options: --hosts N  --heap  --minutes N  --warm-up MINUTES  --share 0.33  --seed N  --ended-hosts 50000  --plot FILE; with --judge FILE nothing
 * is run, and the record of an earlier run of so many minutes is judged. A sixth of the minutes is warm-up, unless told.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runSoak } from './soak-hour.js';
import { readMemoryRecord } from './soak-memory.js';
import { recorder } from './soak-stage.js';
import { judgeMemory, warmUpShare } from './soak-verdict.js';
import { runManyHosts } from './ten-thousand-hosts.js';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    'heap-probe': { type: 'string' },
    hosts: { type: 'string' },
    heap: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    'warm-up': { type: 'string' },
    share: { type: 'string', default: '0.33' },
    seed: { type: 'string', default: '1' },
    'ended-hosts': { type: 'string', default: '50000' },
    plot: { type: 'string' },
    judge: { type: 'string' },
  },
});
const root = values.root!;
const heapProbe = values['heap-probe']!;
const outdir = join(root, 'build/soak');
mkdirSync(outdir, { recursive: true });
let good = true;
const commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const machine = `commit ${commit}, ${cpus().length} cores (${cpus()[0]!.model}), Node ${process.version}`;
if (values.hosts !== undefined) {
  const say = recorder(join(outdir, 'many-hosts.txt'));
  say(machine);
  good = await runManyHosts({ root, heapProbe, outdir, hosts: Number(values.hosts), heap: values.heap, say });
}
const minutes = Number(values.minutes);
const warmUpMinutes = Number(values['warm-up'] ?? minutes * warmUpShare);
const plot = values.plot ?? join(outdir, 'soak.svg');
if (values.judge !== undefined) {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  good = judgeMemory(readMemoryRecord(values.judge), { minutes, warmUpMinutes, plot, say });
} else if (values.minutes !== undefined) {
  const say = recorder(join(outdir, 'soak.txt'));
  say(machine);
  const flat = await runSoak({
    root,
    heapProbe,
    outdir,
    minutes,
    warmUpMinutes,
    share: Number(values.share),
    seed: Number(values.seed),
    endedHosts: Number(values['ended-hosts']),
    plot,
    say,
  });
  good &&= flat;
}
process.exit(good ? 0 : 1);
