// Writes docs/states.md from the transition tables of packages/core; `--check` fails when the file is out of date.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { tmpdir } from 'node:os';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'docs', 'states.md');

const scratch = await mkdtemp(join(tmpdir(), 'pogo-states-'));
const bundle = join(scratch, 'states.mjs');
await build({
  entryPoints: [join(root, 'packages/core/src/states.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'node',
});
const { hostTransitions, jobTransitions } = await import(pathToFileURL(bundle).href);
await rm(scratch, { recursive: true });

const node = (state) => state.replaceAll('-', '_');
const diagram = (table) => {
  const lines = ['```mermaid', 'stateDiagram-v2'];
  for (const state of Object.keys(table)) lines.push(`  state "${state}" as ${node(state)}`);
  for (const [from, events] of Object.entries(table)) {
    for (const [event, to] of Object.entries(events)) lines.push(`  ${node(from)} --> ${node(to)}: ${event}`);
  }
  lines.push('```');
  return lines.join('\n');
};

const text = `# States

Generated from the tables in \`packages/core/src/states.ts\` by \`node scripts/generate-state-diagram.mjs\`. A change that
is not drawn here is an error. \`unknown\` alone may be replaced, once, by evidence for the same attempt.

## Hosts

${diagram(hostTransitions)}

## Jobs

${diagram(jobTransitions)}
`;

if (process.argv.includes('--check')) {
  const current = await readFile(target, 'utf8').catch(() => '');
  if (current !== text) {
    console.error('docs/states.md is out of date: run node scripts/generate-state-diagram.mjs');
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
