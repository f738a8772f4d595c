/** `pogo ns apply` and `pogo ns show` against a scripted dispatcher. */
import { describe, expect, it } from 'vitest';
import { useClient } from './support/client.js';
import { ScriptedNamespace } from './support/scripted-namespace.js';

const client = useClient();

/** With a comment, a line end of another system and no end of the last line: nothing of it may be lost. */
const file = `# prod \u00e9\r
apps: { frontend: 'foo[1-8].east', backend: 'bar[1-2].east' }
envs: { coast: { east: '@*' } }
constraints: { coast: { concurrency: { frontend: 25%, backend: 1 } } }`;

async function ns(...args: string[]) {
  const { code, stdout, stderr } = await client.pogo.run(['ns', ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

async function dispatcher() {
  const namespace = new ScriptedNamespace();
  const started = await client.dispatcherWith({ intercept: namespace.intercept });
  return { namespace, requests: started.requests };
}

describe('pogo ns apply', () => {
  it('sends the file as it is, and shows what is in force', async () => {
    const { namespace, requests } = await dispatcher();
    namespace.use['frontend@coast=east'] = 3;
    await client.pogo.file('prod.yaml', file);
    const { code, stdout, stderr } = await ns('apply', 'prod.yaml');
    expect(stderr).toBe('');
    expect(stdout).toBe(
      `namespace default, version 1: 10 hosts

slot                 hosts  at once  in use
frontend@coast=east  8      2 (25%)  3
backend@coast=east   2      1        0
`,
    );
    expect(code).toBe(0);
    expect(namespace.applied).toEqual([{ file: 'prod.yaml', text: file }]);
    expect(requests[0]!.headers['if-match']).toBeUndefined();
  });

  it('asks no dispatcher about a file with problems, and says them by line', async () => {
    const { requests } = await dispatcher();
    await client.pogo.file('wrong.yaml', "apps:\n  web: '@wbe'\n");
    const { code, stdout, stderr } = await ns('apply', 'wrong.yaml');
    expect(stderr).toMatch(/^wrong\.yaml:2:9: unknown group "@wbe".*\[unknown-group\]\n/);
    expect(stderr).toContain('pogo: invalid-namespace: wrong.yaml has 1 problem');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const asJson = await ns('apply', 'wrong.yaml', '--json');
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      ok: false,
      problems: [{ line: 2, column: 9, code: 'unknown-group' }],
    });
    expect(asJson).toMatchObject({ code: 2, stderr: '' });
    expect(requests).toEqual([]);
  });

  it('applies over the version that it is told only', async () => {
    const { namespace, requests } = await dispatcher();
    await client.pogo.file('prod.yaml', file);
    expect(await ns('apply', 'prod.yaml', '--if-version', '0')).toMatchObject({ code: 0, stderr: '' });
    expect(requests[0]!.headers['if-match']).toBe('"0"');
    const again = await ns('apply', 'prod.yaml', '--if-version', '0');
    expect(again.stderr).toBe(
      'pogo: namespace-changed: Version 1 is in force. `pogo ns show` shows it, and `pogo ns show --json` its version.\n',
    );
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 1, stdout: '' });
    expect(namespace.applied).toHaveLength(1);
    expect((await ns('apply', 'prod.yaml', '--if-version', '1')).stdout).toContain('version 2: 10 hosts');
  });

  it('says each warning once, with its line where it has one', async () => {
    const { namespace } = await dispatcher();
    namespace.warnings.push('p0000000003 has hosts that are known no more');
    await client.pogo.file('warn.yaml', 'apps:\n  web: w1\n  none: []\n');
    const { code, stdout, stderr } = await ns('apply', 'warn.yaml');
    expect(stderr).toBe(
      'warning: warn.yaml:3:3: @none has no host [empty-group]\nwarning: p0000000003 has hosts that are known no more\n',
    );
    expect(stdout).toBe('namespace default, version 1: 1 host\n');
    expect(code).toBe(0);
  });

  it('answers with the document for --json, and reads standard input', async () => {
    const { namespace } = await dispatcher();
    const { code, stdout } = await client.pogo.run(['ns', 'apply', '-', '--json'], { stdin: file });
    expect(JSON.parse(stdout.toString('utf8'))).toMatchObject({
      name: 'default',
      version: 1,
      slots: [{ name: 'frontend@coast=east', members: 8, limit: 2, use: 0 }, { name: 'backend@coast=east' }],
    });
    expect(code).toBe(0);
    expect(namespace.applied).toEqual([{ file: 'standard input', text: file }]);
  });

  it('says that it does not know what became of it when the answer is lost', async () => {
    await client.dispatcherWith({
      intercept: (_request, response) => {
        response.destroy();
        return true;
      },
    });
    await client.pogo.file('prod.yaml', file);
    const { code, stderr } = await ns('apply', 'prod.yaml');
    expect(stderr).toContain('pogo: dispatcher-unreachable: ');
    expect(stderr).toContain('Whether the file was applied is not known: see `pogo ns show`');
    expect(code).toBe(1);
  });
});

describe('pogo ns show', () => {
  it('writes the file byte for byte, its slots, or the document', async () => {
    const { namespace } = await dispatcher();
    namespace.use['backend@coast=east'] = 1;
    await client.pogo.file('prod.yaml', file);
    await ns('apply', 'prod.yaml');
    expect(await ns('show')).toEqual({ code: 0, stdout: file, stderr: '' });
    expect((await ns('show', '--slots')).stdout).toBe(
      `slot                 hosts  at once  in use
frontend@coast=east  8      2 (25%)  0
backend@coast=east   2      1        1
`,
    );
    expect(JSON.parse((await ns('show', '--json')).stdout)).toEqual(namespace.document);
  });

  it('says that there is none yet', async () => {
    await dispatcher();
    for (const args of [[], ['--slots']]) {
      const { code, stdout, stderr } = await ns('show', ...args);
      expect(stderr).toMatch(/^pogo: no-namespace-file: no namespace file was applied at https:.* yet: /);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    }
    expect(JSON.parse((await ns('show', '--json')).stdout)).toMatchObject({ version: 0, slots: [] });
  });

  it('says that a version has no limits', async () => {
    await dispatcher();
    await client.pogo.file('free.yaml', 'apps: { web: w1 }\n');
    await ns('apply', 'free.yaml');
    expect(await ns('show', '--slots')).toEqual({ code: 0, stdout: '', stderr: 'version 1 has no limits\n' });
  });

  it.each([
    ['a file to show', ['show', 'prod.yaml'], 'usage: pogo ns takes check FILE, apply FILE, show'],
    ['no file to apply', ['apply'], 'usage: pogo ns takes check FILE, apply FILE, show'],
    ['slots of a check', ['check', 'a', '--slots'], 'usage: --slots is an option of pogo ns show only'],
    [
      'a version to show',
      ['show', '--if-version', '1'],
      'usage: --if-version is an option of pogo ns apply only',
    ],
    [
      'a version that is none',
      ['apply', 'a', '--if-version', 'x'],
      'invalid-value: --if-version: "x" is not',
    ],
    ['slots in JSON', ['show', '--slots', '--json'], 'contradicting-options: --slots and --json'],
  ])('refuses %s', async (_what, args, says) => {
    const { code, stdout, stderr } = await ns(...args);
    expect(stderr).toContain(`pogo: ${says}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
