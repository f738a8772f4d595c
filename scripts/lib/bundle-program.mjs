// Bundles programs of this repository that are no part of the product: benches, the soak, the chaos run, the simulator.
import { build } from 'esbuild';

/** Native, or with native parts that they look for beside themselves. */
const native = ['classic-level', 'ssh2', 'cpu-features'];

/**
 * @param {Pick<import('esbuild').BuildOptions, 'entryPoints' | 'outfile' | 'outdir' | 'outExtension' | 'sourcemap'>} options files to begin
 * with, and where the bundles go
 */
export async function bundleProgram(options) {
  await build({
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    external: native,
    // For packages that are CommonJS.
    banner: {
      js: "import{createRequire as __pogoRequire}from'node:module';const require=__pogoRequire(import.meta.url);",
    },
    logLevel: 'warning',
    ...options,
  });
}
