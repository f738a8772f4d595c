// `npm run bench:zookeeper`: bundles bench/zookeeper.ts and what it runs for each measurement, and runs it. Needs ZooKeeper, as
// the tests do. Options: see bench/zookeeper.ts.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'build/bench-zookeeper');
await build({
  entryPoints: [join(root, 'bench/zookeeper.ts'), join(root, 'bench/zookeeper-measure.ts')],
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  target: 'node20.19',
  sourcemap: true,
  external: ['classic-level', 'ssh2', 'cpu-features'],
  banner: {
    js: "import{createRequire as __pogoRequire}from'node:module';const require=__pogoRequire(import.meta.url);",
  },
  logLevel: 'warning',
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
