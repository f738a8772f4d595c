import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { specDigest } from '@pogo/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';
import type { ScriptedDispatcher, UsedVerb } from './support/scripted-dispatcher.js';

const client = useClient();
const failure = { state: 'failed', reason: 'exit-nonzero', exitCode: 5 } as const;
const good = { state: 'succeeded', exitCode: 0 } as const;

beforeEach(() => client.pogo.file('home/.pogoconf', ''));

/** Submits a job on these hosts and leaves it. */
async function submit(hosts = 'web[1-3]'): Promise<void> {
  const { code, stderr } = await client.pogo.run(['run', '-d', '-h', hosts, '--identity', key, 'true']);
  expect(stderr).toContain('job p0000000012');
  expect(code).toBe(0);
}

/** The file that remembers digests of submitted jobs. */
async function memory(): Promise<string> {
  const directory = join(client.pogo.home, 'client');
  const [name] = (await readdir(directory)).filter((file) => file.startsWith('submitted-'));
  return join(directory, name!);
}

async function forget(): Promise<void> {
  await writeFile(await memory(), '');
}

const sealedIn = ({ submitted }: ScriptedDispatcher, { body }: UsedVerb) =>
  client.openSeal(body.credentials!, submitted!.digest);

describe('a run whose job loses its credentials', () => {
  it('says what to do, and exits with 8', async () => {
    await client.dispatcherWith({ losesCredentials: true, hold: true });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stderr).toContain('p0000000012 needs-credentials');
    expect(stderr).toContain(
      'pogo: credentials-needed: nothing holds the credentials of p0000000012 any more',
    );
    expect(stderr).toContain('`pogo resume p0000000012` asks for them again');
    expect(stderr).not.toContain('detached');
    expect(code).toBe(8);
    const wait = await client.pogo.run(['wait', 'last']);
    expect(wait.stderr).toContain('`pogo resume p0000000012`');
    expect(wait.code).toBe(8);
    const status = await client.pogo.run(['status', 'last']);
    expect(status.stdout.toString()).toContain('`pogo resume p0000000012` asks for them again');
  });
});

describe('pogo resume', () => {
  it('seals anew for the digest that it remembers, asks nothing about it, and follows the job to its end', async () => {
    const dispatcher = await client.dispatcherWith({
      losesCredentials: true,
      host: () => ({ outcome: good, stdout: [bytes('hi\n')] }),
    });
    await submit('web1');
    const { code, stdout, stderr } = await client.pogo.run(['resume', '12', '--identity', key, '--yes']);
    expect(stderr).toMatch(/^resuming web1 \(1 host\) of p0000000012 {2}https:/);
    expect(stderr).toContain('p0000000012 succeeded');
    expect(stdout.toString()).toBe('hi\n');
    expect(code).toBe(0);
    expect(dispatcher.used).toHaveLength(1);
    expect(await sealedIn(dispatcher, dispatcher.used[0]!)).toMatchObject({
      digest: dispatcher.submitted!.digest,
      identities: [{ label: 'id' }],
    });
  });

  it('asks the dispatcher first, and gives credentials when it says that they are needed', async () => {
    const dispatcher = await client.dispatcherWith({ losesCredentials: true });
    await submit('web1');
    await client.pogo.file('home/.pogoconf', `identities: ["${join(client.pogo.directory, key)}"]\n`);
    const { code, stdout } = await client.pogo.run(['resume', 'last', '-d']);
    expect(stdout.toString()).toBe('p0000000012\n');
    expect(code).toBe(0);
    expect(dispatcher.used.map(({ body }) => body.credentials !== undefined)).toEqual([false, true]);
  });

  it('is refused without anything to offer, with exit code 8', async () => {
    const dispatcher = await client.dispatcherWith({ losesCredentials: true });
    await submit('web1');
    const { code, stderr } = await client.pogo.run(['resume', 'last']);
    expect(stderr).toContain(
      'the job may use publickey only, and nothing for that was offered: give --identity FILE\n',
    );
    expect(code).toBe(8);
    expect(dispatcher.used.some(({ body }) => body.credentials !== undefined)).toBe(false);
  });

  it('seals for no spec of another digest than the job had when it was submitted from here', async () => {
    const dispatcher = await client.dispatcherWith({
      losesCredentials: true,
      alterSpec(offered) {
        offered.spec.command = { kind: 'argv', argv: ['rm', '-rf', '/'] };
        offered.digest = specDigest(offered.spec);
      },
      intercept: ({ method, path }, response) => {
        // A dispatcher that lies throughout: its document of the job has the other digest too.
        if (method !== 'GET' || !/\/jobs\/p0000000012$/.test(path)) return false;
        const job = dispatcher.job;
        const spec = {
          ...dispatcher.submitted!.spec,
          command: { kind: 'argv' as const, argv: ['rm', '-rf', '/'] },
        };
        response.writeHead(200);
        response.end(JSON.stringify({ ...job, digest: specDigest(spec) }));
        return true;
      },
    });
    await submit('web1');
    const { code, stderr } = await client.pogo.run(['resume', '12', '--identity', key]);
    expect(stderr).toContain('pogo: spec-changed: the dispatcher offers a spec for p0000000012');
    expect(stderr).toContain('when p0000000012 was submitted from here, its digest was sha256:');
    expect(code).toBe(1);
    expect(dispatcher.used).toEqual([]);
  });

  it.each([
    [
      'whose digest is not that of its contents',
      (spec: { port: number }) => (spec.port = 2222),
      false,
      'its digest is not that of its contents',
    ],
    [
      'of another digest than the job’s document has',
      (spec: { port: number }) => (spec.port = 2222),
      true,
      "the job's own digest is sha256:",
    ],
    [
      'of another submitter',
      (spec: { submitter: string }) => (spec.submitter = 'root'),
      true,
      "the job is tester's, the spec root's",
    ],
    [
      'of another namespace',
      (spec: { namespace: string }) => (spec.namespace = 'prod'),
      true,
      'the job is in namespace default, the spec in prod',
    ],
  ])('seals for no spec %s', async (_what, alter, redigest, says) => {
    const dispatcher = await client.dispatcherWith({
      losesCredentials: true,
      alterSpec(offered) {
        alter(offered.spec);
        if (redigest) offered.digest = specDigest(offered.spec);
      },
    });
    await submit('web1');
    await forget();
    const { code, stderr } = await client.pogo.run(['resume', '12', '--identity', key]);
    expect(stderr).toContain('pogo: spec-changed: ');
    expect(stderr).toContain(says);
    expect(code).toBe(1);
    expect(dispatcher.used).toEqual([]);
  });

  it('shows what a job from elsewhere would do, and seals for it only with its digest where nobody can be asked', async () => {
    const dispatcher = await client.dispatcherWith({ losesCredentials: true });
    await submit('web[1-3]:2222');
    await forget();
    const { digest } = dispatcher.submitted!;
    for (const more of [[], ['--yes']]) {
      const { code, stderr } = await client.pogo.run(['resume', '12', '--identity', key, ...more]);
      expect(stderr).toContain(
        'p0000000012 was not submitted from here. It would do this with your credentials:\ncommand',
      );
      expect(stderr).toMatch(/^hosts {6}3: .*web\[1-3\]:2222$/m);
      expect(stderr).toContain('pogo: spec-unconfirmed: ');
      expect(stderr).toContain(`--digest ${digest}`);
      expect(code).toBe(2);
    }
    const other = await client.pogo.run([
      'resume',
      '12',
      '--identity',
      key,
      '--digest',
      `sha256:${'0'.repeat(64)}`,
    ]);
    expect(other.stderr).toContain('pogo: digest-mismatch: ');
    expect(other.code).toBe(2);
    expect(dispatcher.used).toEqual([]);
    const right = await client.pogo.run(['resume', '12', '--identity', key, '--yes', '--digest', digest]);
    expect(right.stderr).toContain('3 hosts: 3 succeeded');
    expect(right.code).toBe(0);
  });

  it('seals for no worker that the pinned sealing root did not sign', async () => {
    const { issue, keyIdOf } = await import('./support/certificates.js');
    const { certificate } = issue({
      cn: 'worker-1',
      ou: 'sealing',
      issuer: issue({ cn: 'sealing root', ou: 'root' }),
    });
    const dispatcher = await client.dispatcherWith({
      losesCredentials: true,
      alterSpec: ({ recipients }) =>
        void recipients.push({ worker: 'worker-1', certificate, kid: keyIdOf(certificate) }),
    });
    await submit('web1');
    const { code, stderr } = await client.pogo.run(['resume', '12', '--identity', key]);
    expect(stderr).toContain('pogo: recipient-refused: ');
    expect(code).toBe(1);
    expect(dispatcher.used).toEqual([]);
  });

  it('seals anew when the workers have changed meanwhile', async () => {
    let changes = 0;
    const dispatcher = await client.dispatcherWith({
      losesCredentials: true,
      refuse: ({ body }) =>
        body.credentials !== undefined && changes++ === 0
          ? { code: 'recipients-changed', detail: 'Others can run it now.' }
          : undefined,
    });
    await submit('web1');
    const { code } = await client.pogo.run(['resume', '12', '--identity', key]);
    expect(code).toBe(0);
    const sealed = dispatcher.used.filter(({ body }) => body.credentials !== undefined);
    expect(sealed).toHaveLength(2);
    expect(sealed[0]!.body.credentials!.ciphertext).not.toBe(sealed[1]!.body.credentials!.ciphertext);
  });
});

describe('pogo retry', () => {
  it('follows the new attempts alone: no output and no failure of before, and the exit code of the whole job', async () => {
    const dispatcher = await client.dispatcherWith({
      host: (name, attempt) =>
        name === 'web1' || attempt === 2
          ? { outcome: good, stdout: [bytes(`${name} good ${attempt}\n`)] }
          : { outcome: failure, stdout: [bytes(`${name} bad\n`)] },
    });
    await client.pogo.run(['run', '-h', 'web[1-3]', '--identity', key, 'true']);
    const { code, stdout, stderr } = await client.pogo.run(['retry', 'last', 'web2,web3']);
    expect(stderr).toMatch(/^retrying web\[2-3\] \(2 hosts\) of p0000000012 {2}https:/);
    expect(stdout.toString().split('\n').sort()).toEqual(['', 'web2: web2 good 2', 'web3: web3 good 2']);
    expect(stderr).toContain('3 hosts: 3 succeeded');
    expect(stderr).not.toContain('exit-nonzero');
    expect(code).toBe(0);
    expect(dispatcher.used).toEqual([{ verb: 'retry', body: { hosts: 'web[2-3]', fence: false } }]);
  });

  it('gathers the new attempts alone', async () => {
    await client.dispatcherWith({
      host: (_name, attempt) => ({
        outcome:
          attempt === 1
            ? failure
            : { ...good, stdout: { bytes: 5, sha256: 'x' }, stderr: { bytes: 0, sha256: 'y' } },
        stdout: [bytes('good\n')],
      }),
    });
    await client.pogo.run(['run', '-h', 'web[1-3]', '--identity', key, 'true']);
    const { code, stdout } = await client.pogo.run(['retry', 'last', 'web3', '-b']);
    expect(stdout.toString()).toBe('--- web3 (1)\ngood\n');
    expect(code).toBe(5);
  });

  it('explains what a fence says where the worker may come back, and passes it on', async () => {
    const dispatcher = await client.dispatcherWith({
      refuse: ({ body }) =>
        body.fence === true
          ? undefined
          : {
              code: 'worker-may-return',
              detail: 'Worker worker-1 was declared lost, and may still carry out web1.',
            },
    });
    await submit('web1');
    const { code, stderr } = await client.pogo.run(['retry', 'last', 'web1']);
    expect(stderr).toContain('pogo: worker-may-return: Worker worker-1 was declared lost');
    expect(stderr).toContain('`pogo retry p0000000012 EXPR --fence` says so');
    expect(stderr).toContain('is not stopped by that');
    expect(code).toBe(1);
    await client.pogo.run(['retry', 'last', 'web1', '--fence', '-d']);
    expect(dispatcher.used.at(-1)).toEqual({ verb: 'retry', body: { hosts: 'web1', fence: true } });
  });

  it.each([
    ['job-running', '`pogo wait p0000000012` waits for its end', 1],
    ['nothing-to-do', 'a host that succeeded is not run again', 1],
    ['job-ended', '`pogo retry p0000000012` runs it again', 1],
    ['host-not-unknown', '`pogo status p0000000012 --state unknown` lists them', 1],
  ])('says what to do about %s', async (code, says, exit) => {
    await client.dispatcherWith({ refuse: () => ({ code, detail: 'No.' }) });
    await submit('web1');
    const finished = await client.pogo.run(['retry', 'last']);
    expect(finished.stderr).toContain(`pogo: ${code}: No. `);
    expect(finished.stderr).toContain(says);
    expect(finished.code).toBe(exit);
  });
});

describe('pogo resolve', () => {
  it('ends with 9 where hosts stay unknown, and shows why they could not tell', async () => {
    await client.dispatcherWith({
      host: (name) => ({
        outcome: name === 'web1' ? good : { state: 'unknown', reason: 'worker-lost' },
      }),
      alterHost: (host) => {
        if (host.state === 'unknown') host.unsettled = 'no trace of it was found';
      },
    });
    await submit();
    const { code, stderr } = await client.pogo.run(['resolve', 'last', 'web[2-3]']);
    expect(stderr).toMatch(/^resolving web\[2-3\] \(2 hosts\) of p0000000012/);
    expect(stderr).toContain('  web2: no trace of it was found\n');
    expect(code).toBe(9);
    const status = (await client.pogo.run(['status', 'last'])).stdout.toString();
    expect(status).toContain('  web3 was asked: no trace of it was found\n');
    expect(status).toContain('`pogo resolve p0000000012` asks the hosts');
  });
});

describe('pogo skip and release', () => {
  it('name the hosts, and say which have changed', async () => {
    const dispatcher = await client.dispatcherWith({ hold: true });
    await submit();
    const skipped = await client.pogo.run(['skip', 'last', 'web[1-2]', 'web3']);
    expect([skipped.code, skipped.stderr]).toEqual([0, 'skipped web[1-3] (3 hosts) of p0000000012\n']);
    const released = await client.pogo.run(['release', '12', 'web2', '--json']);
    expect(JSON.parse(released.stdout.toString())).toMatchObject({ affected: 'web2', affectedHosts: 1 });
    expect(dispatcher.used).toEqual([
      { verb: 'skip', body: { hosts: 'web[1-3]' } },
      { verb: 'release', body: { hosts: 'web2' } },
    ]);
  });

  it('are shown by status', async () => {
    await client.dispatcherWith({
      host: () => ({ outcome: { state: 'unknown', reason: 'worker-lost' } }),
      alterHost: (host) => {
        if (host.host === 'web1') host.released = true;
      },
    });
    await submit('web[1-2]');
    const byState = (await client.pogo.run(['status', 'last'])).stdout.toString();
    expect(byState).toMatch(/^ {2}unknown, released \(worker-lost\) +1 +web1$/m);
    expect(byState).toMatch(/^ {2}unknown \(worker-lost\) +1 +web2$/m);
    const rows = (await client.pogo.run(['status', 'last', '--hosts'])).stdout.toString();
    expect(rows).toMatch(/^ {2}web1 +unknown \(worker-lost\), released/m);
  });
});
