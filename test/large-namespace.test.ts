/** Namespace files as large as they may be: the built dispatcher checks them, and says what it makes of them. */
import { namespaceSchema } from '@pogo/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScene, type Scene } from './support/scene.js';

const hosts = 90_000;
const largest = 4 * 1024 * 1024;

/** A file of nearly 4 MB, a host a line; `app` is what the constraints name. */
function file(app: string): string {
  const lines = ['apps:', '  web:'];
  for (let host = 0; host < hosts; host++)
    lines.push(`    - host${String(host).padStart(6, '0')}.east.example.com`);
  lines.push(
    'envs:',
    "  coast: { east: '@*' }",
    'constraints:',
    `  coast: { concurrency: { ${app}: 25% }, sequence: [] }`,
  );
  const text = `${lines.join('\n')}\n`;
  expect(text.length).toBeLessThan(largest);
  return text + '#'.repeat(largest - text.length - 1) + '\n';
}

describe('a namespace file of 4 MB', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  const apply = (text: string) => scene.api('PUT', '/v1/namespaces/default', { file: 'prod.yaml', text });

  it('is refused by its line where it is wrong, and applied where it is right', async () => {
    const refused = await apply(file('wed'));
    expect(refused.status).toBe(422);
    expect(refused.body).toContain(`prod.yaml:${hosts + 6}:`);
    expect(refused.body).toContain('[unknown-app]');
    const applied = await apply(file('web'));
    expect(applied.status, applied.body).toBe(200);
    expect(namespaceSchema.parse(JSON.parse(applied.body))).toMatchObject({
      version: 1,
      hosts,
      slots: [{ name: 'web@coast=east', members: hosts, limit: hosts / 4 }],
    });
  });
});
