// `npm run chaos`: bundles test/chaos/main.ts, and runs it in a network namespace that has only `lo`: it is the router of the
// machines that it makes there. Needs root, sshd, ZooKeeper and iproute2, as the tests do. Options: see test/chaos/main.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (process.getuid() !== 0) {
  console.error('pogo: root-needed: chaos makes network namespaces and real accounts. Run it as root.');
  process.exit(1);
}
execFileSync(join(root, 'scripts/pogo'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
const outfile = join(root, 'build/chaos-program/chaos.mjs');
await bundleProgram({
  entryPoints: [join(root, 'test/chaos/main.ts')],
  outfile,
  sourcemap: true,
});
const inside = join(root, 'packages/testkit/bin/in-network-namespace');
const { status } = spawnSync(
  'setpriv',
  [
    '--pdeathsig',
    'KILL',
    inside,
    process.execPath,
    '--enable-source-maps',
    outfile,
    '--root',
    root,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
