/** Namespace files that take hosts from inventories, through the command, with real programs. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeLayout } from '@pogo/protocol';
import { beforeEach, expect, it } from 'vitest';
import { useClient } from './support/client.js';
import { ScriptedNamespace } from './support/scripted-namespace.js';

const client = useClient();
const cache = () => join(homeLayout(client.pogo.home).client.dir, 'inventories');
const inDirectory = (name: string) => join(client.pogo.directory, name);

async function ns(...args: string[]) {
  const { code, stdout, stderr } = await client.pogo.run(['ns', ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

/** Programs are executable, and so is nothing else. */
const program = (name: string, text: string) => client.pogo.file(name, `#!/bin/sh\n${text}`, 0o700);
const withProgram = (name: string, more = '') =>
  client.pogo.file(
    `${name}.yaml`,
    `inventories:\n  cmdb: { command: [ ./${name}, --list ]${more} }\napps: { web: '@cmdb:web' }\n`,
  );

/** Gone, or a corpse that nobody has buried yet. */
function isOver(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
const over = (pid: number) => expect.poll(() => isOver(pid), { timeout: 30_000 }).toBe(true);
/** The process id that a program has written, once it is whole. */
async function pidIn(name: string): Promise<number> {
  const written = () => (existsSync(inDirectory(name)) ? readFileSync(inDirectory(name), 'utf8') : '');
  await expect.poll(written, { timeout: 30_000 }).toMatch(/\n$/);
  return Number(written());
}

const good = `echo '{"web":["web1","web2","web3"]}'\n`;
beforeEach(async () => {
  await client.pogo.file(
    'hosts.ini',
    '[web]\nweb[1:3]\n[db]\ndb1 ansible_user=x\n[prod:children]\nweb\ndb\n',
  );
});

it('are applied as files that name the hosts: nobody needs the inventory afterwards', async () => {
  const namespace = new ScriptedNamespace();
  await client.dispatcherWith({ intercept: namespace.intercept });
  await program('inv', `echo "{\\"spare\\": [\\"$1\\", \\"spare2\\"]}" | sed s/--list/spare1/\n`);
  await client.pogo.file(
    'prod.yaml',
    `inventories:
  dc1: { ansible: hosts.ini }
  cmdb: { command: [ ./inv, --list ] }
apps:
  frontend: [ '@dc1:prod', extra ] # all of them
  spare: '@cmdb:spare'
`,
  );
  const { code, stdout, stderr } = await ns('apply', 'prod.yaml');
  expect(stderr).toBe(
    'note: inventory dc1: not taken: ansible_user of 1 host; a job has its account and its port\n',
  );
  expect(stdout).toBe('namespace default, version 1: 7 hosts\n');
  expect(code).toBe(0);
  expect(namespace.applied[0]!.text).toBe(`# hosts are those that inventories had: dc1, cmdb
#
#
apps:
  frontend: [ "web[1-3],db1", extra ] # all of them
  spare: "spare[1-2]"
`);
});

it('have problems in the inventory by its own lines, and in the file by the lines of that', async () => {
  await client.pogo.file('broken.ini', '[web]\nweb1 web2\n');
  await client.pogo.file(
    'broken.yaml',
    "inventories: { a: { ansible: broken.ini } }\napps: { web: '@a:web' }\n",
  );
  const broken = await ns('check', 'broken.yaml');
  expect(broken.stderr).toMatch(/^broken\.ini:2:1: .*\[invalid-variable\]\n/);
  expect(broken.code).toBe(2);
  expect(JSON.parse((await ns('check', 'broken.yaml', '--json')).stdout)).toMatchObject({
    ok: false,
    file: 'broken.yaml',
    problems: [{ file: 'broken.ini', line: 2, column: 1, code: 'invalid-variable' }],
  });
  await client.pogo.file('missing.yaml', "inventories:\n  a: { ansible: no.ini }\napps: { web: '@a:web' }\n");
  expect((await ns('check', 'missing.yaml')).stderr).toMatch(
    /^missing\.yaml:2:3: no\.ini: there is no such file: check the path \[unreadable-inventory\]\n/,
  );
});

it('go on with the last good answer of a program that fails, and say so with its age', async () => {
  await program('flaky', good);
  await withProgram('flaky');
  expect(await ns('check', 'flaky.yaml')).toMatchObject({ code: 0, stderr: '' });
  const [kept] = readdirSync(cache());
  expect(statSync(join(cache(), kept!)).mode & 0o777).toBe(0o600);
  expect(statSync(cache()).mode & 0o777).toBe(0o700);

  await program('flaky', 'echo "no route to the database" >&2\nexit 3\n');
  const { code, stdout, stderr } = await ns('check', 'flaky.yaml');
  expect(stderr).toBe(
    `warning: inventory cmdb: ./flaky failed, it ended with status 3: no route to the database
warning: inventory cmdb: its last good answer is used, which is 0 minutes old
`,
  );
  expect(stdout).toContain('3 hosts');
  expect(code).toBe(0);
});

it('are refused where a program fails that never answered, with what it said', async () => {
  await program('dead', 'echo one >&2\necho two >&2\nexit 7\n');
  await withProgram('dead');
  const { code, stdout, stderr } = await ns('check', 'dead.yaml');
  expect(stderr).toMatch(
    /^dead\.yaml:2:3: inventory cmdb: \.\/dead failed, it ended with status 7: one \| two \[inventory-failed\]\n/,
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  await withProgram('absent');
  expect((await ns('check', 'absent.yaml')).stderr).toContain('./absent failed, there is no such file');
});

it('are refused where a program prints what is no inventory, whatever it answered before', async () => {
  await program('odd', good);
  await withProgram('odd');
  await ns('check', 'odd.yaml');
  await program('odd', `echo '{"web": ["web1"'\n`);
  const { code, stderr } = await ns('check', 'odd.yaml');
  expect(stderr).toMatch(
    /\.\/odd has printed what is no inventory: it isn't JSON.*; its last good answer, 0 minutes old, isn't used instead \[invalid-inventory\]\n/,
  );
  expect(code).toBe(2);
});

it('are refused where a program takes too long, which is ended with its children', async () => {
  await program('slow', 'sleep 1000 &\necho $! > slow.child\necho $$ > slow.pid\nwait\n');
  await withProgram('slow', ', timeout: 1');
  const { code, stderr } = await ns('check', 'slow.yaml');
  expect(stderr).toContain('./slow failed, it took more than 1 s');
  expect(code).toBe(2);
  await over(await pidIn('slow.pid'));
  await over(await pidIn('slow.child'));
});

it('are refused where a program prints without end', async () => {
  await program('flood', 'exec cat /dev/zero\n');
  await withProgram('flood');
  expect((await ns('check', 'flood.yaml')).stderr).toContain(
    './flood failed, it printed more than 16777216 bytes',
  );
});

it('leave no child of a program behind that has answered', async () => {
  await program('parent', `sleep 1000 &\necho $! > parent.child\n${good}`);
  await withProgram('parent');
  expect(await ns('check', 'parent.yaml')).toMatchObject({ code: 0, stderr: '' });
  await over(await pidIn('parent.child'));
});

it('end with their program when they are interrupted', async () => {
  await program('long', 'sleep 1000 &\necho $! > long.child\nwait\n');
  await withProgram('long');
  const running = client.pogo.start(['ns', 'check', 'long.yaml']);
  const child = await pidIn('long.child');
  running.child.kill('SIGINT');
  const { code, stderr } = await running.ended;
  expect(stderr).toContain('pogo: interrupted: inventory cmdb: its program was ended');
  expect(code).toBe(130);
  await over(child);
});

it('run a program in the directory of the file, with nothing to read', async () => {
  writeFileSync(inDirectory('list.json'), '{"web":["web1"]}');
  await program('reader', 'cat - list.json\n');
  await withProgram('reader');
  const { code, stdout } = await client.pogo.run(['ns', 'check', inDirectory('reader.yaml')], { cwd: '/' });
  expect(stdout.toString()).toContain('1 host');
  expect(code).toBe(0);
});
