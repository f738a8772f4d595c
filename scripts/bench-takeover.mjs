// `npm run bench:takeover`: bundles bench/takeover.ts, and runs it. Needs root, sshd and ZooKeeper, as the tests do. Options: see
// bench/takeover.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
execFileSync(join(root, 'scripts/pogo'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
const outfile = join(root, 'build/bench-takeover/takeover.mjs');
await build({
  entryPoints: [join(root, 'bench/takeover.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: true,
  external: ['ssh2', 'cpu-features'],
  banner: {
    js: "import{createRequire as __pogoRequire}from'node:module';const require=__pogoRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [outfile, '--root', root, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
