// `npm run simulate`: bundles the simulator and runs it. Options: see packages/simulator/src/main.ts.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outfile = join(root, 'build/simulator/main.js');
await build({
  entryPoints: [join(root, 'packages/simulator/src/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  external: ['classic-level'],
  banner: {
    js: "import{createRequire as __pogoRequire}from'node:module';const require=__pogoRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
