/** `pogo plan -o FILE`, and `pogo run FILE`: the job that was looked at, or none. */
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PlanFile, planFileSchema, type PlanResponse, specDigest } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { key, useClient } from './support/client.js';
import { ScriptedNamespace } from './support/scripted-namespace.js';

const client = useClient();
const identity = ['--identity', key];

const basis: PlanResponse['basis'] = {
  namespaceVersion: 3,
  holdFailures: 'until-well',
  groups: [{ hosts: 'web[1-3]', slots: ['frontend@coast=east'], stages: ['frontend@coast=east'] }],
  slots: [{ name: 'frontend@coast=east', limit: 25 }],
  stages: [{ name: 'frontend@coast=east', after: [] }],
};
/** A dispatcher that plans on top of such a namespace. */
const on = (now: PlanResponse['basis']) => ({ alterPlan: (plan: PlanResponse) => void (plan.basis = now) });

const path = () => join(client.pogo.directory, 'plan.json');
const plan = (...args: string[]) =>
  client.pogo.run(['plan', '-h', 'web[1-3]', '-l', 'ada', ...identity, '-o', 'plan.json', ...args]);
const run = (...args: string[]) => client.pogo.run(['run', '-d', ...identity, ...args, 'plan.json']);
const readPlan = async () => planFileSchema.parse(JSON.parse(await readFile(path(), 'utf8')));
/** The plan of `true`, made once: what it says depends on nothing else. */
async function anyPlan(): Promise<void> {
  if (made === undefined) {
    await client.dispatcherWith(on(basis));
    await plan('true');
    made = await readFile(path(), 'utf8');
  }
  await client.pogo.file('plan.json', made);
}
let made: string | undefined;
const writePlan = (file: unknown) => writeFile(path(), JSON.stringify(file));

describe('a plan in a file', () => {
  it('is run as it was planned, whatever the configuration says since', async () => {
    const dispatcher = await client.dispatcherWith(on(basis));
    const planned = await plan('--cc', '50%', '--', 'uname', '-r');
    expect(planned.stderr).toContain('`pogo run [credentials] plan.json`');
    const file = await readPlan();
    expect(file).toMatchObject({ basis, limits: { concurrent: 1 }, spec: { user: 'ada' } });
    await client.pogo.file('home/.pogoconf', 'user: eve\nconcurrent: 3\n');
    const { code, stderr } = await run();
    await client.pogo.file('home/.pogoconf', '');
    expect({ code, stderr: stderr.replace(/job p.*\n/, '') }).toEqual({ code: 0, stderr: '' });
    expect(dispatcher.submitted).toMatchObject({ spec: file.spec, limits: file.limits, digest: file.digest });
  });

  it('is for its owner alone, and has no credentials', async () => {
    await client.dispatcherWith();
    const passwordFile = await client.pogo.file('password', 'geheimnis\n');
    await client.pogo.file('plan.json', 'an older one', 0o644);
    const { code } = await plan('--password-file', passwordFile, 'true');
    expect(code).toBe(0);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    const content = await readFile(path(), 'utf8');
    expect(content).not.toContain('geheimnis');
    expect(content).not.toContain('MC4CAQ');
    expect(content).not.toContain(passwordFile);
  });

  it('is run where nothing has changed that concerns it', async () => {
    await anyPlan();
    await client.dispatcherWith(on({ ...basis, namespaceVersion: 9 }));
    expect((await run()).code).toBe(0);
  });

  const drifts: [string, PlanResponse['basis'], string][] = [
    [
      'a limit',
      { ...basis, slots: [{ name: 'frontend@coast=east', limit: 10 }] },
      'frontend@coast=east lets 10 through at once, and not 25',
    ],
    [
      'what a host is in',
      { ...basis, groups: [{ ...basis.groups[0]!, hosts: 'web[1-2]' }] },
      'web3: slots and steps none instead of frontend@coast=east',
    ],
    [
      'a sequence',
      { ...basis, stages: [{ name: 'frontend@coast=east', after: ['backend@coast=east'] }] },
      'frontend@coast=east comes after backend@coast=east, and not after nothing',
    ],
    [
      'how long failed hosts count',
      { ...basis, holdFailures: 'until-job-ends' },
      'hosts that fail go on counting until-job-ends, and not until-well',
    ],
  ];
  it.each(drifts)('is refused by name where another namespace has changed %s', async (_, now, says) => {
    await anyPlan();
    const dispatcher = await client.dispatcherWith(on(now));
    const { code, stderr, stdout } = await run();
    expect(stderr).toContain('pogo: plan-drifted: ');
    expect(stderr).toContain(says);
    expect({ code, stdout: stdout.length }).toEqual({ code: 1, stdout: 0 });
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('is refused where its groups have other hosts than then', async () => {
    const namespace = new ScriptedNamespace();
    namespace.applied.push({ file: 'n', text: "apps: { web: ['web[1-3]'] }" });
    const dispatcher = await client.dispatcherWith({ intercept: namespace.intercept });
    await client.pogo.run(['plan', '-h', '@web', ...identity, '-o', 'plan.json', 'true']);
    expect((await run()).code).toBe(0);
    namespace.applied.push({ file: 'n', text: "apps: { web: ['web[2-4]'] }" });
    const { code, stderr } = await run('--idempotency-key', 'again');
    expect(stderr).toContain('pogo: plan-drifted: ');
    expect(stderr).toContain('the targets now name web4 besides');
    expect(stderr).toContain('the targets no longer name web1');
    expect(code).toBe(1);
    expect(dispatcher.requests.filter(({ path: sent }) => sent === '/v1/jobs')).toHaveLength(1);
  });

  it('is refused where its script is another one', async () => {
    const dispatcher = await client.dispatcherWith();
    await client.pogo.file('script.sh', '#!/bin/sh\necho one\n');
    await plan('-f', 'script.sh');
    await client.pogo.file('script.sh', '#!/bin/sh\necho two\n');
    const { code, stderr } = await run();
    expect(stderr).toMatch(/pogo: plan-drifted: [^]*script script\.sh is another one/);
    expect(code).toBe(1);
    expect(dispatcher.submitted).toBeUndefined();
  });

  const edits: [string, (file: PlanFile) => unknown, string][] = [
    [
      'another command in it',
      (file) => ({ ...file, spec: { ...file.spec, command: { kind: 'shell', script: 'reboot' } } }),
      'pogo: plan-edited: ',
    ],
    ['something besides', (file) => ({ ...file, password: 'geheim' }), 'pogo: not-a-plan: '],
    ['a later format', (file) => ({ ...file, version: 2 }), 'pogo: not-a-plan: '],
    [
      'other limits than its request comes to',
      (file) => ({ ...file, limits: { ...file.limits, concurrent: 3 } }),
      'pogo: plan-drifted: ',
    ],
    [
      'another host, and the digest of that',
      (file) => {
        const spec = { ...file.spec, targets: 'ada@web[1-4]:22' };
        return { ...file, spec, digest: specDigest(spec) };
      },
      'the targets no longer name web4',
    ],
  ];
  it.each(edits)('is refused with %s', async (_, edit, says) => {
    await anyPlan();
    await writePlan(edit(await readPlan()));
    const dispatcher = await client.dispatcherWith(on(basis));
    const { code, stderr } = await run();
    expect(stderr).toContain(says);
    expect(code).not.toBe(0);
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('is refused where others could have changed it', async () => {
    await anyPlan();
    const dispatcher = await client.dispatcherWith();
    await chmod(path(), 0o620);
    const { code, stderr } = await run();
    expect(stderr).toContain('pogo: plan-file-writable: plan plan.json has mode 0620');
    expect(code).toBe(2);
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('takes no options that say what the job is', async () => {
    await anyPlan();
    const { code, stderr } = await run('--cc', '7');
    expect(stderr).toContain('pogo: contradicting-options: plan.json and --cc contradict each other');
    expect(code).toBe(2);
  });

  it('comes last: what stands behind it would be neither an option nor a command', async () => {
    await anyPlan();
    const { code, stderr } = await client.pogo.run(['run', 'plan.json', ...identity]);
    expect(stderr).toContain('pogo: plan-operands: plan.json is taken for a plan');
    expect(code).toBe(2);
  });

  it('is shown by a dry run, and not run', async () => {
    const dispatcher = await client.dispatcherWith();
    await plan('uname');
    const { code, stdout } = await run('-n');
    expect(stdout.toString()).toMatch(/^command +uname$/m);
    expect(code).toBe(0);
    expect(dispatcher.submitted).toBeUndefined();
  });
});
