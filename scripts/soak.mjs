// `npm run soak`: bundles bench/soak.ts and runs it inside a network namespace that has only `lo`, where all of
// 127.0.0.0/8 are hosts. Needs root.
//
//   npm run soak -- --hosts 10000                          one job over as many scripted hosts
//   npm run soak -- --minutes 60 --plot docs/soak.svg      jobs without a break, and the memory of every process
//
// What it measures goes to build/soak; further options: see bench/soak.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
if (!args.some((argument) => /^--(hosts|minutes)\b/.test(argument))) {
  console.error('pogo: usage: npm run soak -- --hosts N | --minutes N');
  process.exit(2);
}
if (process.getuid() !== 0) {
  console.error('pogo: root-needed: the soak makes a network namespace. Run it as root.');
  process.exit(1);
}
execFileSync(join(root, 'scripts/pogo'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
const outdir = join(root, 'build/soak-programs');
await bundleProgram({
  entryPoints: [join(root, 'bench/soak.ts'), join(root, 'bench/soak-heap-probe.ts')],
  outdir,
  outExtension: { '.js': '.mjs' },
});
// Debian always has perl, and not always iproute2: the testkit's own way to bring `lo` up.
const { status } = spawnSync(
  join(root, 'packages/testkit/bin/in-network-namespace'),
  [
    ...['sh', '-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh'],
    ...[process.execPath, join(outdir, 'soak.mjs'), '--root', root],
    ...['--heap-probe', resolve(outdir, 'soak-heap-probe.mjs'), ...args],
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
