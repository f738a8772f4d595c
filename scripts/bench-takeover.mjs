// `npm run bench:takeover`: bundles bench/takeover.ts, and runs it. Needs root, sshd and ZooKeeper, as the tests do. Options: see
// bench/takeover.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
execFileSync(join(root, 'scripts/pogo'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
const outfile = join(root, 'build/bench-takeover/takeover.mjs');
await bundleProgram({
  entryPoints: [join(root, 'bench/takeover.ts')],
  outfile,
  sourcemap: true,
});
const { status } = spawnSync(process.execPath, [outfile, '--root', root, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
