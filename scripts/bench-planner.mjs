// `npm run bench:planner`: bundles bench/planner.ts and what it runs for each measurement, and runs it. Needs nothing but
// Node. Options: see bench/planner.ts.
//
//   npm run bench:planner -- --write docs/PERFORMANCE.md --plot docs/planner.svg
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'build/bench-planner');
await bundleProgram({
  entryPoints: [join(root, 'bench/planner.ts'), join(root, 'bench/planner-measure.ts')],
  outdir,
  outExtension: { '.js': '.mjs' },
  sourcemap: true,
});
const { status } = spawnSync(
  process.execPath,
  [join(outdir, 'planner.mjs'), '--measure', join(outdir, 'planner-measure.mjs'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
