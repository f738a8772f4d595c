import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeyWithoutOpenSsh } from '@pogo/testkit';
import { generalDecrypt } from 'jose';
import { sealedPayloadSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { issue, newInstance } from './support/certificates.js';
import { PogoFixture } from './support/pogo.js';
import { ScriptedDispatcher, type ScriptedDispatcherOptions } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
let pogo: PogoFixture;
let key: string;
const started: ScriptedDispatcher[] = [];

beforeAll(async () => {
  pogo = await PogoFixture.build();
});
afterAll(() => pogo.remove());
beforeEach(async () => {
  key = await pogo.file('id', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n');
});
afterEach(async () => {
  for (const dispatcher of started.splice(0)) await dispatcher.stop();
});

async function dispatcherWith(options: Partial<ScriptedDispatcherOptions> = {}): Promise<ScriptedDispatcher> {
  const dispatcher = new ScriptedDispatcher({ instance, token, ...options });
  started.push(dispatcher);
  await pogo.connect(await dispatcher.start(), instance, token);
  return dispatcher;
}

const bytes = (text: string) => Buffer.from(text);

async function openSeal(dispatcher: ScriptedDispatcher) {
  const { credentials, digest } = dispatcher.submitted!;
  const opened = await generalDecrypt(credentials, createPrivateKey(instance.sealing.key));
  expect(Buffer.from(opened.additionalAuthenticatedData!).toString()).toBe(digest);
  return sealedPayloadSchema.parse(JSON.parse(Buffer.from(opened.plaintext).toString('utf8')));
}

describe('pogo run', () => {
  it('says job and URL first, passes one host’s bytes through as they are, and keeps stderr apart', async () => {
    const out = Buffer.from([0, 255, 10, 13, 27, 91, 65, 195]);
    const dispatcher = await dispatcherWith({
      host: () => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [out, out],
        stderr: [bytes('oops')],
      }),
    });
    const { code, stdout, stderr } = await pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--',
      'uptime',
      '-p',
      '; x',
    ]);
    expect(code).toBe(0);
    expect(stdout).toEqual(Buffer.concat([out, out]));
    const [first, second] = stderr.split('\n');
    expect(first).toMatch(/^job p0000000012 {2}https:\/\/127\.0\.0\.1:\d+\/v1\/jobs\/p0000000012$/);
    expect(second).toMatch(/^oops/);
    expect(stderr).toContain('1 host: 1 succeeded');
    expect(dispatcher.submitted!.spec.command).toEqual({ kind: 'argv', argv: ['uptime', '-p', '; x'] });
  });

  it('prefixes whole lines with their host for several hosts, and completes the last one', async () => {
    await dispatcherWith({
      host: (name) => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [bytes(`a ${name}`), bytes('\nb'), bytes(' c')],
      }),
    });
    const { code, stdout } = await pogo.run(['run', '-h', 'web[1-2]', '--identity', key, 'uptime']);
    expect(code).toBe(0);
    expect(stdout.toString().split('\n').filter(Boolean).sort()).toEqual([
      'web1: a web1',
      'web1: b c',
      'web2: a web2',
      'web2: b c',
    ]);
  });

  it('groups failures by reason with folded hosts and advice, and gives the exit code of the worst', async () => {
    await dispatcherWith({
      host: (name) =>
        name === 'web3'
          ? { outcome: { state: 'unreachable', reason: 'connection-refused', message: 'web3:22 refused' } }
          : { outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 5 } },
    });
    const { code, stderr } = await pogo.run(['run', '-h', 'web[1-3]', '--identity', key, '--', 'false']);
    expect(code).toBe(4);
    expect(stderr).toContain('failed (exit-nonzero): web[1-2]\n    exit status 5\n');
    expect(stderr).toContain(
      'unreachable (connection-refused): web3\n    web3:22 refused\n    Nothing listens there',
    );
  });

  it('seals key, password and digest for the worker, and sends nothing of it in the clear', async () => {
    const dispatcher = await dispatcherWith();
    const password = await pogo.file('password', 'correct horse\n');
    const { code } = await pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--password-file',
      password,
      'true',
    ]);
    expect(code).toBe(0);
    const payload = await openSeal(dispatcher);
    expect(payload).toMatchObject({ password: 'correct horse', digest: dispatcher.submitted!.digest });
    expect(payload.identities).toEqual([{ label: 'id', privateKey: await readFile(key, 'utf8') }]);
    expect(dispatcher.submitted!.spec.auth.methods).toEqual([
      'publickey',
      'password',
      'keyboard-interactive',
    ]);
    for (const { body } of dispatcher.requests) expect(body).not.toContain('correct horse');
  });

  it('seals no password when only publickey may be used (P7)', async () => {
    const dispatcher = await dispatcherWith();
    const password = await pogo.file('password', 'correct horse\n');
    await pogo.file('home/.pogoconf', 'auth: [publickey]\n');
    const { code } = await pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--password-file',
      password,
      'true',
    ]);
    await pogo.file('home/.pogoconf', '');
    expect(code).toBe(0);
    expect(await openSeal(dispatcher)).not.toHaveProperty('password');
    expect(dispatcher.submitted!.spec.auth.methods).toEqual(['publickey']);
  });

  it('takes a password from a descriptor, and passphrases of encrypted keys from a secrets file', async () => {
    const dispatcher = await dispatcherWith();
    const { privatePath: identity } = createKeyWithoutOpenSsh({
      directory: pogo.directory,
      name: 'encrypted',
      passphrase: 'open sesame',
    });
    const secrets = await pogo.file('secrets', 'pvt_key_passphrase: open sesame\n');
    const { code, stderr } = await pogo.run(
      ['run', '-h', 'web1', '--identity', identity, '-S', secrets, '--password-fd', '0', 'true'],
      { stdin: 'from the pipe\n' },
    );
    expect(stderr).toContain('succeeded');
    expect(code).toBe(0);
    expect(await openSeal(dispatcher)).toMatchObject({
      password: 'from the pipe',
      identities: [{ label: 'encrypted', passphrase: 'open sesame' }],
    });
  });

  it('is refused without password or key, and no dispatcher hears of it (scenario 9)', async () => {
    const dispatcher = await dispatcherWith();
    const { code, stderr } = await pogo.run(['run', '-h', 'web1', 'true']);
    expect(code).toBe(8);
    expect(stderr).toContain('pogo: credentials-needed: neither a password nor a key was offered');
    expect(dispatcher.requests).toEqual([]);
  });

  it('sends the host keys of its targets and of no other host', async () => {
    const dispatcher = await dispatcherWith();
    const publicLine = (name: string) =>
      createKeyWithoutOpenSsh({ directory: pogo.directory, name }).publicLine;
    const [one, two] = [publicLine('one'), publicLine('two')];
    const known = await pogo.file('known', `[web1]:2222,[web2]:2222 ${one}\nweb1,db1 ${two}\n`);
    await pogo.run(['run', '-h', 'web[1-3]:2222', '--identity', key, '--known-hosts', known, 'true']);
    expect(dispatcher.submitted!.spec.hostKeys).toEqual({
      policy: 'strict',
      known: [{ hosts: 'web[1-2]:2222', keys: [one] }],
    });
  });

  it.each([
    [
      'another command',
      (spec: { command: unknown }) => (spec.command = { kind: 'argv', argv: ['rm'] }),
      'command: {"argv":["rm"]',
    ],
    [
      'another host',
      (spec: { targets: string }) => (spec.targets = 'root@evil:22'),
      'targets: "root@evil:22" instead of',
    ],
    [
      'further methods',
      (spec: { auth: unknown }) => (spec.auth = { methods: ['password'] }),
      'authentication methods',
    ],
    [
      'other host keys',
      (spec: { hostKeys: unknown }) => (spec.hostKeys = { policy: 'accept-new', known: [] }),
      'host keys',
    ],
    [
      'an environment',
      (spec: { environment: unknown }) => (spec.environment = { POGO_EXTRA: 'x' }),
      'environment',
    ],
    [
      'a longer time',
      (spec: { timeouts: { commandMs: number } }) => (spec.timeouts.commandMs += 1),
      'timeouts: {"commandMs":600001',
    ],
  ])('seals nothing when the plan has %s than was asked for', async (_what, alter, text) => {
    const { specDigest } = await import('@pogo/protocol');
    const dispatcher = await dispatcherWith({
      alterPlan(plan) {
        alter(plan.spec as never);
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('pogo: spec-changed: ');
    expect(stderr).toContain(text);
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('says when the dispatcher shortened a time, and goes on', async () => {
    const { specDigest } = await import('@pogo/protocol');
    const dispatcher = await dispatcherWith({
      alterPlan(plan) {
        plan.spec.timeouts.commandMs = 5000;
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await pogo.run(['run', '-h', 'web1', '-t', '10', '--identity', key, 'true']);
    expect(code).toBe(0);
    expect(stderr).toContain('shortened the command timeout from 10000 ms to 5000 ms');
    expect(dispatcher.submitted).toBeDefined();
  });

  it('seals for no worker that the pinned sealing root did not sign', async () => {
    const foreign = issue({
      cn: 'worker-1',
      ou: 'sealing',
      issuer: issue({ cn: 'sealing root', ou: 'root' }),
    });
    const { keyIdOf } = await import('./support/certificates.js');
    const dispatcher = await dispatcherWith({
      alterPlan: (plan) =>
        plan.recipients.push({
          worker: 'worker-1',
          certificate: foreign.certificate,
          kid: keyIdOf(foreign.certificate),
        }),
    });
    const { code, stderr } = await pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('pogo: recipient-refused: ');
    expect(dispatcher.submitted).toBeUndefined();
  });

  it.each([
    [
      'of another root',
      () => issue({ cn: 'dispatcher-1', ou: 'dispatcher', issuer: issue({ cn: 'x', ou: 'root' }) }),
    ],
    [
      'of a worker of the same instance',
      () => issue({ cn: 'dispatcher-1', ou: 'worker', issuer: instance.linkRoot }),
    ],
  ])('sends nothing, not even the token, to a server with a certificate %s', async (_what, certificate) => {
    const impostor = new ScriptedDispatcher({ instance: { ...instance, dispatcher: certificate() }, token });
    started.push(impostor);
    await pogo.connect(await impostor.start(), instance, token);
    const { code, stderr } = await pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('pogo: dispatcher-untrusted: ');
    expect(impostor.requests).toEqual([]);
  });

  it('submits again with the same key when the connection breaks before the answer', async () => {
    let broken = 0;
    const dispatcher = await dispatcherWith({
      intercept: (request, response) => {
        if (request.method !== 'POST' || request.path !== '/v1/jobs' || broken++ > 1) return false;
        response.destroy();
        return true;
      },
    });
    const { code } = await pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(0);
    const keys = dispatcher.requests
      .filter(({ path, method }) => method === 'POST' && path === '/v1/jobs')
      .map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('loses and repeats nothing when the streams break in the middle', async () => {
    const text = Array.from({ length: 200 }, (_, index) => `line ${index}\n`);
    let breaks = 0;
    const dispatcher: ScriptedDispatcher = await dispatcherWith({
      host: () => ({ outcome: { state: 'succeeded', exitCode: 0 }, stdout: text.map(bytes) }),
      intercept: (request, response) => {
        if (!request.path.includes('/output?') || breaks++ > 2) return false;
        const lines = dispatcher.outputLines().slice(0, 50 * breaks);
        response.writeHead(200);
        response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), () => response.destroy());
        return true;
      },
    });
    const { code, stdout } = await pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stdout.toString()).toBe(text.join(''));
    expect(code).toBe(0);
    expect(breaks).toBe(4);
  });

  it('goes on behind the last event that it saw', async () => {
    const dispatcher = await dispatcherWith({ hold: true });
    const running = pogo.start(['run', '-h', 'web[1-3]', '--identity', key, 'true']);
    await running.says('job p0000000012');
    await dispatcher.seen(({ path }) => path.includes('/events'));
    await dispatcher.seen(({ path }) => path.includes('/output'));
    dispatcher.breakConnections();
    await dispatcher.seen(({ headers }) => headers['last-event-id'] !== undefined);
    dispatcher.release();
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('3 hosts: 3 succeeded');
    expect(code).toBe(0);
  });

  it('halts the job on Ctrl-C without a terminal, and exits with 130', async () => {
    const dispatcher = await dispatcherWith({ hold: true });
    const running = pogo.start(['run', '-h', 'web1', '--identity', key, 'sleep', '60']);
    await running.says('job p0000000012');
    await dispatcher.seen(({ path }) => path.includes('/events'));
    running.child.kill('SIGINT');
    const { code } = await running.ended;
    expect(code).toBe(130);
    expect(dispatcher.halts).toEqual([false]);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    await dispatcherWith({
      hold: true,
      host: () => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: Array.from({ length: 300 }, () => Buffer.alloc(8192, 'x\n')),
      }),
    });
    const running = pogo.start(['run', '-h', 'web1', '--identity', key, 'yes']);
    running.child.stdout!.once('data', () => running.child.stdout!.destroy());
    const { code, stderr } = await running.ended;
    expect(code).toBe(141);
    expect(stderr.split('\n').slice(1).join('')).toBe('');
  });

  it('prints the id alone on stdout when it detaches', async () => {
    const dispatcher = await dispatcherWith({ hold: true });
    const { code, stdout } = await pogo.run(['run', '-d', '-h', 'web1', '--identity', key, 'sleep', '60']);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('p0000000012\n');
    expect(dispatcher.requests.some(({ path }) => path.includes('/events'))).toBe(false);
  });

  it('gathers hosts with equal output under one heading, the largest group first, each output fetched once', async () => {
    const digest = (text: string) => ({ bytes: text.length, sha256: `sha of ${text}` });
    const dispatcher = await dispatcherWith({
      host: (name) => {
        const text = name === 'web2' ? 'odd\n' : 'same\n';
        return {
          outcome: { state: 'succeeded', exitCode: 0, stdout: digest(text), stderr: digest('') },
          stdout: [bytes(text)],
        };
      },
    });
    const { code, stdout } = await pogo.run(['run', '-b', '-h', 'web[1-4]', '--identity', key, 'true']);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('--- web[1,3-4] (3)\nsame\n--- web2 (1)\nodd\n');
    expect(dispatcher.requests.filter(({ path }) => path.includes('/output'))).toHaveLength(2);
  });

  it('writes one JSON document with every host’s outcome and output', async () => {
    await dispatcherWith({
      host: (name) => ({
        outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 3 },
        stdout: [name === 'web2' ? Buffer.from([255]) : bytes('é')],
      }),
    });
    const { code, stdout } = await pogo.run(['run', '--json', '-h', 'web[1-2]', '--identity', key, 'true']);
    expect(code).toBe(5);
    expect(JSON.parse(stdout.toString())).toMatchObject({
      exitCode: 5,
      job: { id: 'p0000000012', state: 'failed' },
      hosts: [
        { host: 'web1', state: 'failed', outcome: { exitCode: 3 }, stdout: 'é', stderr: '' },
        { host: 'web2', stdout: '/w==', encoding: 'base64' },
      ],
    });
  });

  it('writes events and output as lines of JSON, the job first and the exit code last', async () => {
    await dispatcherWith({
      host: () => ({ outcome: { state: 'succeeded', exitCode: 0 }, stdout: [bytes('hi')] }),
    });
    const { stdout } = await pogo.run(['run', '--jsonl', '-h', 'web1', '--identity', key, 'true']);
    const lines = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines[0]).toMatchObject({ type: 'job', id: 'p0000000012' });
    expect(lines.at(-1)).toMatchObject({ type: 'end', exitCode: 0 });
    expect(lines.find(({ type }) => type === 'output')).toMatchObject({
      host: 'web1',
      stream: 'stdout',
      offset: 0,
      data: 'aGk=',
    });
  });

  it('writes each host’s output to a file, and empties what an earlier run left', async () => {
    await dispatcherWith({
      host: (name) => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [bytes(`${name} 1`), bytes(' 2')],
        stderr: name === 'web2' ? [bytes('bad')] : [],
      }),
    });
    await pogo.file('out/web1', 'old and much longer');
    const directory = join(pogo.directory, 'out');
    const { code, stdout } = await pogo.run([
      'run',
      '--outdir',
      directory,
      '-h',
      'web[1-2]',
      '--identity',
      key,
      'true',
    ]);
    expect(code).toBe(0);
    expect(stdout.length).toBe(0);
    expect(await readFile(join(directory, 'web1'), 'utf8')).toBe('web1 1 2');
    expect(await readFile(join(directory, 'web2.err'), 'utf8')).toBe('bad');
  });

  it('shows the plan with --dry-run, submits nothing and needs no credential', async () => {
    const dispatcher = await dispatcherWith();
    const { code, stdout } = await pogo.run([
      'run',
      '-n',
      '-h',
      'web[1-4]',
      '--concurrent',
      '50%',
      "echo 'a b' | cat",
    ]);
    expect(code).toBe(0);
    expect(stdout.toString()).toContain("shell string  echo 'a b' | cat");
    expect(stdout.toString()).toContain('at most 2 hosts');
    expect(dispatcher.submitted).toBeUndefined();
  });
});

describe('pogo log, status and wait', () => {
  it('show and follow a job that ran before', async () => {
    await dispatcherWith({
      host: (name) => ({
        outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 1 },
        stdout: [bytes(`${name}\n`)],
        stderr: [bytes('warn\n')],
      }),
    });
    await pogo.run(['run', '-d', '-h', 'web[1-2]', '--identity', key, 'true']);
    const log = await pogo.run(['log', '12', 'web2', '--stream', 'stdout']);
    expect(log.stdout.toString()).toBe('web2\n');
    expect(log.stderr).toBe('');
    expect((await pogo.run(['log', 'p12'])).stdout.toString()).toBe('web1: web1\nweb2: web2\n');
    const status = await pogo.run(['status', 'last']);
    expect(status.stdout.toString()).toContain('failed (exit-nonzero)  2  web[1-2]');
    const wait = await pogo.run(['wait', 'last']);
    expect(wait.code).toBe(5);
    const unknown = await pogo.run(['log', '12', 'db1']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('pogo: unknown-host: db1 is not a host of p0000000012'),
    ]);
  });
});
