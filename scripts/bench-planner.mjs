// `npm run bench:planner`: bundles bench/planner.ts and what it runs for each measurement, and runs it. Needs nothing but
// Node. Options: see bench/planner.ts.
//
//   npm run bench:planner -- --write docs/PERFORMANCE.md --plot docs/planner.svg
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'build/bench-planner');
await build({
  entryPoints: [join(root, 'bench/planner.ts'), join(root, 'bench/planner-measure.ts')],
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  target: 'node20.19',
  sourcemap: true,
  external: ['classic-level'],
  banner: {
    js: "import{createRequire as __pogoRequire}from'node:module';const require=__pogoRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { status } = spawnSync(
  process.execPath,
  [join(outdir, 'planner.mjs'), '--measure', join(outdir, 'planner-measure.mjs'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
