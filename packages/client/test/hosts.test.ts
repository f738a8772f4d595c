/** `pogo hosts`: what the namespace knows about hosts. */
import { type HostInformation, hostInformationSchema } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json } from './support/answers.js';
import { useClient } from './support/client.js';

const client = useClient();

const known: HostInformation['hosts'][number] = {
  host: 'foo1.east',
  known: true,
  apps: ['frontend', 'web'],
  environments: [{ type: 'coast', value: 'east' }],
  slots: [
    {
      name: 'frontend@coast=east',
      app: 'frontend',
      type: 'coast',
      value: 'east',
      members: 8,
      limit: 2,
      written: '25%',
      use: 1,
    },
  ],
  holders: [
    { job: 'p0000000003', state: 'running', live: true },
    { job: 'p0000000002', state: 'failed', live: false },
  ],
};
const stranger = { host: 'zar1', known: false, apps: [], environments: [], slots: [], holders: [] };

/** A dispatcher that knows this, and the expressions that it was asked about. */
async function knowing(information: HostInformation) {
  const asked: { targets: string | null; limit: string | null }[] = [];
  await client.dispatcherWith({
    intercept: (request, response) => {
      const url = new URL(request.path, 'https://x');
      if (url.pathname !== '/v1/namespaces/default/hosts') return false;
      asked.push({ targets: url.searchParams.get('targets'), limit: url.searchParams.get('limit') });
      json(response, 200, hostInformationSchema.parse(information));
      return true;
    },
  });
  return asked;
}

async function hosts(args: string[], stdin = '') {
  const { code, stdout, stderr } = await client.pogo.run(['hosts', ...args], { stdin });
  return { code, stdout: stdout.toString('utf8'), stderr };
}

describe('pogo hosts', () => {
  it('shows groups, slots and who counts in them, in the order of the answer', async () => {
    const asked = await knowing({ hosts: [known, stranger], more: 0 });
    const { code, stdout, stderr } = await hosts(['@frontend&@coast:east', 'zar1']);
    expect(stderr).toBe('');
    expect(stdout).toBe(
      `foo1.east
  apps          frontend, web
  environments  coast:east
  slot          frontend@coast=east: 1 of 2 in use
  counts for    p0000000003, running
  counts for    p0000000002, failed and not well since
zar1  not known to the namespace
`,
    );
    expect(code).toBe(0);
    expect(asked).toEqual([{ targets: '@frontend&@coast:east zar1', limit: '10000' }]);
  });

  it('is the document for --json, and says what it leaves out', async () => {
    const information = { hosts: [known], more: 7 };
    await knowing(information);
    expect(JSON.parse((await hosts(['@*', '--json'])).stdout)).toEqual(information);
    expect((await hosts(['@*'])).stderr).toBe('7 more are not shown: at most 10000 are at once\n');
  });

  it('reads files and standard input here, since the dispatcher has none of them', async () => {
    const asked = await knowing({ hosts: [stranger], more: 0 });
    await client.pogo.file('list', 'web[1-3]\n# and\nweb4\n');
    await hosts(['@file:list']);
    await hosts(['-'], 'db1\n');
    expect(asked.map(({ targets }) => targets)).toEqual(['web[1-4]', 'db1']);
  });

  it('says that an expression comes to nothing', async () => {
    await knowing({ hosts: [], more: 0 });
    expect(await hosts(['web1!web1'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'the expression names no host\n',
    });
  });

  it('shows nothing of hostile names as it is', async () => {
    await knowing({ hosts: [{ ...known, host: 'a\u001b[2J', apps: ['b\u202ec'] }], more: 0 });
    const { stdout } = await hosts(['@*']);
    expect(stdout).toContain('a^[[2J\n');
    expect(stdout).toContain('b<U+202E>c');
  });

  it.each([
    ['a malformed expression', ['web[1-'], 'invalid-target: '],
    ['a missing file', ['@file:nowhere'], 'unreadable-file: file of hosts nowhere: there is no such file'],
    ['more than a request can name', [`a${'x'.repeat(60)}${',b'.repeat(3000)}`], 'too-many-targets: '],
    ['nothing', [], 'usage: pogo hosts is missing an operand'],
  ])('refuses %s', async (_what, args, says) => {
    const asked = await knowing({ hosts: [], more: 0 });
    const { code, stdout, stderr } = await hosts(args);
    expect(stderr).toContain(`pogo: ${says}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(asked).toEqual([]);
  });
});
