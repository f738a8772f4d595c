import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The rules that need types are left out: the texts here belong to no project. */
const typedRules = ['no-floating-promises', 'no-misused-promises', 'switch-exhaustiveness-check'];
const eslint = new ESLint({
  cwd: root,
  overrideConfig: {
    languageOptions: { parserOptions: { projectService: false } },
    rules: Object.fromEntries(typedRules.map((rule) => [`@typescript-eslint/${rule}`, 'off'])),
  },
});

/** Rules of the real configuration that a source text at that path breaks. */
async function brokenRules(file: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(root, file) });
  return [...new Set(result!.messages.map((message) => message.ruleId ?? `fatal: ${message.message}`))];
}

const existing = 'packages/core/src/index.ts';

describe('the lint', () => {
  it.each([
    [
      'core importing a shared package',
      'core',
      "import { z } from '@pogo/protocol';\nexport { z };\n",
      'no-restricted-imports',
    ],
    [
      'core doing I/O',
      'core',
      "import { readFileSync } from 'node:fs';\nexport { readFileSync };\n",
      'no-restricted-imports',
    ],
    ['core reading the clock', 'core', 'export const now = Date.now();\n', 'no-restricted-globals'],
    ['core rolling dice', 'core', 'export const dice = Math.random();\n', 'no-restricted-properties'],
    ['core setting a timer', 'core', 'setTimeout(() => undefined, 1);\n', 'no-restricted-globals'],
    [
      'a program importing another',
      'worker',
      "import { x } from '@pogo/rexec';\nexport { x };\n",
      'no-restricted-imports',
    ],
    [
      'anyone but the dispatcher importing the store',
      'worker',
      "import { x } from '@pogo/store';\nexport { x };\n",
      'no-restricted-imports',
    ],
    [
      'a deep import',
      'worker',
      "import { x } from '@pogo/wire/src/peer.js';\nexport { x };\n",
      'no-restricted-imports',
    ],
    [
      'a program importing the testkit',
      'client',
      "import { x } from '@pogo/testkit';\nexport { x };\n",
      'no-restricted-imports',
    ],
    [
      'process outside of main.ts',
      'client',
      'export const home = process.env.HOME;\n',
      'no-restricted-globals',
    ],
  ])('refuses %s', async (_what, name, text, rule) => {
    expect(await brokenRules(`packages/${name}/src/index.ts`, text)).toContain(rule);
  });

  it('lets core import its own files', async () => {
    expect(await brokenRules(existing, "export { toHostSet } from './host-set.js';\n")).toEqual([]);
  });
});

describe('the packages', () => {
  const packages = readdirSync(join(root, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

  it('declare exactly the dependencies that the table allows', async () => {
    const { allowedImports } = (await import(join(root, 'eslint.config.js'))) as {
      allowedImports: Record<string, string[]>;
    };
    expect(packages.sort()).toEqual(Object.keys(allowedImports).sort());
    for (const name of packages) {
      const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>;
      };
      const declared = Object.keys(manifest.dependencies)
        .filter((dependency) => dependency.startsWith('@pogo/'))
        .map((dependency) => dependency.slice('@pogo/'.length));
      for (const dependency of declared) expect(allowedImports[name], name).toContain(dependency);
    }
  });
});

describe('the documents', () => {
  it('hold a compose file that docker-compose takes', () => {
    execFileSync('docker-compose', ['-f', 'docker-compose.yml', 'config', '-q'], {
      cwd: root,
      stdio: 'pipe',
    });
  });

  it('draw the transition tables as they are', () => {
    execFileSync('node', ['scripts/generate-state-diagram.mjs', '--check'], { cwd: root, stdio: 'pipe' });
  });
});
