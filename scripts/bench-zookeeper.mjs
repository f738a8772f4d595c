// `npm run bench:zookeeper`: bundles bench/zookeeper.ts and what it runs for each measurement, and runs it. Needs ZooKeeper, as
// the tests do. Options: see bench/zookeeper.ts.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'build/bench-zookeeper');
await bundleProgram({
  entryPoints: [join(root, 'bench/zookeeper.ts'), join(root, 'bench/zookeeper-measure.ts')],
  outdir,
  outExtension: { '.js': '.mjs' },
  sourcemap: true,
});
const { status } = spawnSync(
  process.execPath,
  [
    join(outdir, 'zookeeper.mjs'),
    '--measure',
    join(outdir, 'zookeeper-measure.mjs'),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
