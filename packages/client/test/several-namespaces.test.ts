/** `--namespace` of commands that are about one, `pogo ns list`, and jobs of several. */
import { type NamespaceList, namespaceListSchema, namespaceSchema } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json, problem } from './support/answers.js';
import { useClient } from './support/client.js';

const client = useClient();
const file = "apps: { web: ['e[1-4]'] }\nenvs: {}\n";

/** A dispatcher with namespace east, besides default; how it was asked about namespaces. */
async function withEast() {
  const asked: string[] = [];
  await client.dispatcherWith({
    intercept: ({ method, path, headers }, response) => {
      if (!path.startsWith('/v1/namespaces')) return false;
      const conditions = ['if-match', 'if-none-match'].flatMap((name) => headers[name] ?? []);
      asked.push([method, path, ...conditions].join(' '));
      if (path === '/v1/namespaces') {
        const list: NamespaceList = {
          namespaces: [
            { name: 'default', isLed: true, version: 0, hosts: 0, openJobs: 0 },
            { name: 'east', isLed: true, version: 3, hosts: 4, openJobs: 2, frozen: { by: 'ada', atMs: 0 } },
            { name: 'west', isLed: false },
          ],
        };
        json(response, 200, namespaceListSchema.parse(list));
      } else if (path.startsWith('/v1/namespaces/east')) {
        const shown = { name: 'east', version: 3, hosts: 4, slots: [], stages: [], warnings: [], text: file };
        json(response, 200, namespaceSchema.parse(shown));
      } else
        problem(response, 404, 'unknown-namespace', 'There is no such namespace: there are default, east.');
      return true;
    },
  });
  return asked;
}

describe('--namespace', () => {
  it('says which namespace is meant, and so does the configuration', async () => {
    const asked = await withEast();
    expect((await client.pogo.run(['ns', 'show', '--namespace', 'east'])).stdout.toString()).toBe(file);
    await client.pogo.run(['freeze', '--ns', 'east']);
    await client.pogo.run(['ns', 'show'], { env: { POGO_NAMESPACE: 'east' } });
    expect(asked).toEqual([
      'GET /v1/namespaces/east',
      'POST /v1/namespaces/east/freeze',
      'GET /v1/namespaces/east',
    ]);
    const unknown = await client.pogo.run(['ns', 'show', '--namespace', 'eats']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('unknown-namespace');
  });

  it('with --create applies the first file of a namespace, and only as such', async () => {
    const asked = await withEast();
    const path = 'east.yaml';
    await client.pogo.file(path, file);
    expect((await client.pogo.run(['ns', 'apply', path, '--namespace', 'east', '--create'])).code).toBe(0);
    expect(
      (await client.pogo.run(['ns', 'apply', path, '--namespace', 'east', '--if-version', '3'])).code,
    ).toBe(0);
    expect(asked).toEqual(['PUT /v1/namespaces/east *', 'PUT /v1/namespaces/east "3"']);
    for (const wrong of [
      ['ns', 'apply', path, '--create', '--if-version', '1'],
      ['ns', 'show', '--create'],
      ['ns', 'list', '--namespace', 'east'],
    ])
      expect((await client.pogo.run(wrong)).code).toBe(2);
  });

  it('is not needed to list the namespaces', async () => {
    await withEast();
    const listed = await client.pogo.run(['ns', 'list']);
    expect(listed.stdout.toString().split('\n').slice(0, 4)).toEqual([
      'namespace  version  hosts  open jobs',
      'default    none     0      0',
      expect.stringMatching(/^east +3 +4 +2 +frozen by ada/),
      'west                                  not available just now',
    ]);
    const document = JSON.parse(
      (await client.pogo.run(['ns', 'list', '--json'])).stdout.toString(),
    ) as object;
    expect(namespaceListSchema.parse(document).namespaces).toHaveLength(3);
  });
});
