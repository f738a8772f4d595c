/** The rules that keep the invariants, in every state of small models, and what each is needed for (model/README.md). */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

interface Check {
  name: string;
  model: string;
  /** The property that breaks; undefined where all of them hold in every state. */
  breaks?: string;
  sentence: string;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const checks = JSON.parse(readFileSync(join(root, 'model/checks.json'), 'utf8')) as Check[];
const models = [...new Set(checks.map(({ model }) => model))];

/** Far more than all of it takes: only a program that hangs needs as long. */
const hangingMs = 3_600_000;

const found = new Map<string, string>();
let complaint = '';

beforeAll(async () => {
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['scripts/model.mjs', '--json'], { cwd: root }, (_error, out, errors) =>
      resolve({ stdout: out, stderr: errors }),
    );
  });
  complaint = stderr;
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const verdict = JSON.parse(line) as { name: string; found: string };
    found.set(verdict.name, verdict.found);
  }
}, hangingMs);

describe.each(models)('the model %s', (model) => {
  const rows = checks.filter((check) => check.model === model);
  it.each(rows.map((check) => [`${check.sentence} (${check.name})`, check] as const))(
    '%s',
    (_name, { name, breaks }) => {
      expect(found.get(name), complaint).toBe(breaks ?? 'holds');
    },
  );
});

describe('each rule that a model can do without', () => {
  it('is checked by a check of its own', () => {
    const withChecks = new Set(
      (JSON.parse(readFileSync(join(root, 'model/checks.json'), 'utf8')) as { with?: string[] }[]).flatMap(
        (check) => check.with ?? [],
      ),
    );
    for (const model of models) {
      const text = readFileSync(join(root, 'model', model), 'utf8');
      for (const [, rule] of text.matchAll(/^#if(?:n?def) (NO_\w+)/gm))
        expect(withChecks, model).toContain(rule);
    }
  });
});
