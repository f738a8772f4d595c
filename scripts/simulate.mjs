// `npm run simulate`: bundles the simulator and runs it. Options: see packages/simulator/src/main.ts.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outfile = join(root, 'build/simulator/main.js');
await bundleProgram({
  entryPoints: [join(root, 'packages/simulator/src/main.ts')],
  outfile,
  sourcemap: 'inline',
});
const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
