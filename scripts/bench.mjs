// `npm run bench`: bundles bench/main.ts and runs it inside a network namespace that has only `lo`, where all of
// 127.0.0.0/8 are hosts. As root on Debian it installs the tools that it compares with. Options: see bench/main.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './lib/bundle-program.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (process.getuid() !== 0) {
  console.error(
    'pogo: root-needed: the bench makes an account, an sshd and a network namespace. Run it as root.',
  );
  process.exit(1);
}
const wanted = {
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/bin/pdsh': 'pdsh',
  '/usr/bin/parallel-ssh': 'pssh',
  '/usr/bin/clush': 'clustershell',
  '/usr/sbin/ip': 'iproute2',
};
const missing = Object.entries(wanted)
  .filter(([file]) => !existsSync(file))
  .map(([, name]) => name);
if (missing.length > 0) {
  console.error(`Installing ${missing.join(' ')} ...`);
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  execFileSync('apt-get', ['update', '-qq'], options);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options);
}
execFileSync(join(root, 'scripts/pogo'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
const outdir = join(root, 'build/bench');
await bundleProgram({
  entryPoints: [join(root, 'bench/main.ts'), join(root, 'bench/bare-loop.ts')],
  outdir,
});
const inside = 'ip link set lo up && ulimit -n $(ulimit -Hn) && exec node "$@"';
const { status } = spawnSync(
  'unshare',
  [
    '-n',
    'sh',
    '-c',
    inside,
    'sh',
    join(outdir, 'main.js'),
    '--root',
    root,
    '--bare-loop',
    join(outdir, 'bare-loop.js'),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
