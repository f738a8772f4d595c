// Bundles the programs, one file each (the CLI: a thin start and lazily loaded commands), so that they start fast.
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Entry points: [package, entry file, name of the program]. */
const programs = [
  ['client', 'src/main.ts', 'pogo'],
  ['dispatcher', 'src/main.ts', 'pogo-dispatcher'],
  ['worker', 'src/main.ts', 'pogo-worker'],
  ['rexec', 'src/main.ts', 'pogo-rexec'],
  ['testkit', 'src/practice-host-main.ts', 'practice-host'],
];

/** Native addons are copied beside the bundle; where one was not built, the library's own fallback must work. */
const nativeAddons = {
  name: 'native-addons',
  setup(setup) {
    setup.onResolve({ filter: /\.node$/ }, (args) => {
      const path = resolve(args.resolveDir, args.path);
      return existsSync(path) ? { path } : { path: args.path, external: true };
    });
    // ssh2 works without it, and it brings nothing.
    setup.onResolve({ filter: /^cpu-features$/ }, (args) => ({ path: args.path, external: true }));
  },
};

/** zod brings its messages in fifty languages; ours are in one. */
const oneLanguage = {
  name: 'one-language',
  setup(setup) {
    setup.onResolve({ filter: /\/locales\/index\.js$/ }, (args) =>
      /[\\/]zod[\\/]/.test(args.importer) ? { path: 'zod-locales', namespace: 'empty' } : undefined,
    );
    setup.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export {};' }));
  },
};

const wanted = process.argv.slice(2);
for (const [name, entry, program] of programs) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const source = join(root, 'packages', name, entry);
  if (!existsSync(source)) continue;
  const outdir = join(root, 'packages', name, 'dist');
  await rm(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [{ in: source, out: program }],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    minifySyntax: true,
    sourcemap: false,
    legalComments: 'none',
    chunkNames: 'chunks/[name]-[hash]',
    loader: { '.node': 'copy', '.sh': 'text' },
    external: ['classic-level'],
    plugins: [nativeAddons, oneLanguage],
    banner: {
      // Libraries in CommonJS form expect these.
      js: [
        "import { createRequire as __pogoRequire } from 'node:module';",
        'const require = __pogoRequire(import.meta.url);',
        'const __filename = import.meta.filename, __dirname = import.meta.dirname;',
      ].join('\n'),
    },
    logLevel: 'warning',
  });
  await chmod(join(outdir, `${program}.js`), 0o755);
}
