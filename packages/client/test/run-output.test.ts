import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();

describe('the output of a run', () => {
  it('gathers hosts with equal output under one heading, the largest group first, each output fetched once', async () => {
    const digest = (text: string) => ({ bytes: text.length, sha256: `sha of ${text}` });
    const dispatcher = await client.dispatcherWith({
      host: (name) => {
        const text = name === 'web2' ? 'odd\n' : 'same\n';
        return {
          outcome: { state: 'succeeded', exitCode: 0, stdout: digest(text), stderr: digest('') },
          stdout: [bytes(text)],
        };
      },
    });
    const { code, stdout } = await client.pogo.run([
      'run',
      '-b',
      '-h',
      'web[1-4]',
      '--identity',
      key,
      'true',
    ]);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('--- web[1,3-4] (3)\nsame\n--- web2 (1)\nodd\n');
    expect(dispatcher.requests.filter(({ path }) => path.includes('/output'))).toHaveLength(2);
  });

  it('shows the other groups as differences from the largest, escapes neutralised by nobody off a terminal', async () => {
    const digest = (text: string) => ({ bytes: text.length, sha256: `sha of ${text}` });
    const texts: Record<string, string> = { web2: 'one\ntwo\n\x1b[31mred\n', web5: 'one\n' };
    const dispatcher = await client.dispatcherWith({
      host: (name) => {
        const text = texts[name] ?? 'one\ntwo\nthree\n';
        const stderr = name === 'web2' ? 'warning\n' : '';
        return {
          outcome: {
            ...(name === 'web6'
              ? { state: 'failed', reason: 'exit-nonzero', exitCode: 3 }
              : { state: 'succeeded', exitCode: 0 }),
            stdout: digest(text),
            stderr: digest(stderr),
          },
          stdout: [bytes(text)],
          stderr: [bytes(stderr)],
        };
      },
    });
    const { code, stdout } = await client.pogo.run([
      ...['run', '--diff', '-h', 'web[1-6]', '--identity', key, 'true'],
    ]);
    expect(code).toBe(5);
    expect(stdout.toString()).toBe(`--- web[1,3-4] (3)
one
two
three
--- web2 (1)
--- web1 stdout
+++ web2 stdout
@@ -1,3 +1,3 @@
 one
 two
-three
+\x1b[31mred
--- web1 stderr
+++ web2 stderr
@@ -0,0 +1 @@
+warning
--- web5 (1)
--- web1 stdout
+++ web5 stdout
@@ -1,3 +1 @@
 one
-two
-three
--- web6 (1)  failed (exit-nonzero): exit status 3
its output is the same as on web1
`);
    // Of each group one host's output, and only streams that differ or are shown whole.
    const fetched = dispatcher.requests.filter(({ path }) => path.includes('/output'));
    expect(
      fetched.map(({ path }) => /hosts\/(\w+)\/output\?stream=(\w+)/.exec(path)!.slice(1).join(' ')),
    ).toEqual(['web1 stdout', 'web1 stdout', 'web2 stdout', 'web2 stderr', 'web1 stdout', 'web5 stdout']);
  });

  it('compares by digest alone what is too long for a difference, and says so', async () => {
    const dispatcher = await client.dispatcherWith({
      host: (name) => ({
        outcome: {
          state: 'succeeded',
          exitCode: 0,
          stdout: { bytes: name === 'web3' ? 2_000_000 : 3, sha256: name === 'web3' ? 'other' : 'same' },
          stderr: { bytes: 0, sha256: '' },
        },
        stdout: [bytes('hi\n')],
      }),
    });
    const { stdout } = await client.pogo.run(['run', '--diff', '-h', 'web[1-3]', '--identity', key, 'true']);
    expect(stdout.toString()).toBe(
      '--- web[1-2] (2)\nhi\n--- web3 (1)\nits stdout differs: 2000000 bytes, and 3 on web1; more than 1048576 are compared by digest only\n',
    );
    expect(dispatcher.requests.filter(({ path }) => path.includes('web3/output'))).toEqual([]);
  });

  it('says what was cut: in the summary, under a heading, in JSON and in the log', async () => {
    const cut = {
      stdout: { bytes: 9, sha256: 'x' },
      stderr: { bytes: 0, sha256: 'y' },
      outputCutBytes: 4096,
    };
    const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
      host: () => ({ outcome: { state: 'succeeded', exitCode: 0, ...cut }, stdout: [bytes('some\n')] }),
      intercept({ path }, response) {
        if (path.includes('/hosts/web1/output')) {
          response.writeHead(200, { 'content-length': '9' });
          response.write('some\n', () => response.destroy());
          return true;
        }
        if (!path.includes('/output?follow')) return false;
        const gap = { type: 'gap', host: 'web1', detail: '4096 bytes of its output were not kept' };
        response.writeHead(200);
        for (const line of [...dispatcher.outputLines(), gap, { type: 'end' }])
          response.write(`${JSON.stringify(line)}\n`);
        response.end();
        return true;
      },
    });
    const plain = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'yes']);
    expect(plain.stdout.toString()).toBe('some\n');
    expect(plain.stderr).toContain('pogo: output-gap: 4096 bytes of its output were not kept\n');
    expect(plain.stderr).toContain('  output cut: web1: 4096 bytes were not kept\n');
    const gathered = await client.pogo.run(['run', '-b', '-h', 'web1', '--identity', key, 'yes']);
    expect(gathered.stdout.toString()).toBe('--- web1 (1)\nsome\n');
    expect(gathered.stderr).toContain('pogo: output-gap: web1: cut: 4096 bytes were not kept');
    const json = await client.pogo.run(['run', '--json', '-h', 'web1', '--identity', key, 'yes']);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({
      hosts: [{ outcome: { outputCutBytes: 4096 }, stdout: 'some\n' }],
      gaps: [{ host: 'web1', detail: '4096 bytes of its output were not kept' }],
    });
    const log = await client.pogo.run(['log', '12']);
    expect(log.stderr).toBe('pogo: output-gap: 4096 bytes of its output were not kept\n');
  });

  it('writes one JSON document with every host’s outcome and output', async () => {
    await client.dispatcherWith({
      host: (name) => ({
        outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 3 },
        stdout: [name === 'web2' ? Buffer.from([255]) : bytes('é')],
      }),
    });
    const { code, stdout } = await client.pogo.run([
      'run',
      '--json',
      '-h',
      'web[1-2]',
      '--identity',
      key,
      'true',
    ]);
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
    await client.dispatcherWith({
      host: () => ({ outcome: { state: 'succeeded', exitCode: 0 }, stdout: [bytes('hi')] }),
    });
    const { stdout } = await client.pogo.run(['run', '--jsonl', '-h', 'web1', '--identity', key, 'true']);
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
    await client.dispatcherWith({
      host: (name) => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [bytes(`${name} 1`), bytes(' 2')],
        stderr: name === 'web2' ? [bytes('bad')] : [],
      }),
    });
    await client.pogo.file('out/web1', 'old and much longer');
    const directory = join(client.pogo.directory, 'out');
    const { code, stdout } = await client.pogo.run([
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
});
