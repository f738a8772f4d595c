import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { specDigest } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { readScriptFile, scriptBytes, ScriptChanged } from '../src/script/script-file.js';
import { key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const script = Buffer.from('#!/bin/sh\necho "$1"\n');
/** Method and path of what has to do with attachments and jobs, in order. */
const calls = ({ requests }: ScriptedDispatcher) =>
  requests
    .filter(({ path, method }) => path.startsWith('/v1/attachments') || method === 'POST')
    .map(({ method, path }) => `${method} ${path.split('/')[2]}`);

function runScript(file: string, ...args: string[]) {
  return client.pogo.run(['run', '-h', 'web1', '--identity', key, '-f', file, '--', ...args]);
}

describe('a script', () => {
  it('is uploaded once the plan was checked and before the job, and its arguments are not read as options', async () => {
    const dispatcher = await client.dispatcherWith();
    const file = await client.pogo.file('tools/up grade.sh', script);
    const { code, stderr } = await runScript(file, '-h', '--quick', 'a b');
    expect(stderr).toContain('1 host: 1 succeeded');
    expect(code).toBe(0);
    expect(calls(dispatcher)).toEqual(['POST plans', 'HEAD attachments', 'PUT attachments', 'POST jobs']);
    expect(dispatcher.submitted!.spec.command).toEqual({
      kind: 'script',
      name: 'up_grade.sh',
      sha256: sha256(script),
      bytes: script.length,
      args: ['-h', '--quick', 'a b'],
    });
    expect(dispatcher.attachments.contents.get(sha256(script))).toEqual(script);
  });

  it('is not sent again to a dispatcher that has it', async () => {
    const dispatcher = await client.dispatcherWith();
    const file = await client.pogo.file('again.sh', script);
    await runScript(file);
    await runScript(file);
    expect(calls(dispatcher).filter((call) => call === 'PUT attachments')).toHaveLength(1);
  });

  it('is not uploaded for a plan that says something else than was asked', async () => {
    const dispatcher = await client.dispatcherWith({
      alterPlan(plan) {
        plan.spec.command = { ...plan.spec.command, sha256: 'b'.repeat(64) } as typeof plan.spec.command;
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await runScript(await client.pogo.file('script.sh', script));
    expect(stderr).toContain('pogo: spec-changed: ');
    expect(code).toBe(1);
    expect(calls(dispatcher)).toEqual(['POST plans']);
  });

  it('is not uploaded for a plan alone', async () => {
    const dispatcher = await client.dispatcherWith();
    const file = await client.pogo.file('script.sh', script);
    const { code, stdout } = await client.pogo.run(['plan', '-h', 'web1', '-f', file, 'x']);
    expect(stdout.toString()).toMatch(/^script {7}script\.sh x\n {13}20 bytes, sha256 [0-9a-f]{64}\n/);
    expect(code).toBe(0);
    expect(calls(dispatcher)).toEqual(['POST plans?forecast']);
  });

  it('goes on from where a broken connection left it, and arrives as it is', async () => {
    const large = randomBytes(3_000_000);
    const dispatcher = await client.dispatcherWith({
      breakUploadAfter: (upload) => (upload <= 2 ? 1_000_000 : undefined),
    });
    const { code } = await runScript(await client.pogo.file('large', large));
    expect(code).toBe(0);
    const ranges = dispatcher.requests
      .filter(({ method }) => method === 'PUT')
      .map(({ headers }) => /^bytes (\d+)-/.exec(headers['content-range']!)![1]);
    expect(ranges[0]).toBe('0');
    expect(Number(ranges[1])).toBeGreaterThanOrEqual(1_000_000);
    expect(Number(ranges[2])).toBeGreaterThanOrEqual(2_000_000);
    expect(dispatcher.attachments.contents.get(sha256(large))!.equals(large)).toBe(true);
  });

  it('is uploaded again when the dispatcher has lost it by the time of the job', async () => {
    let lost = false;
    const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
      async intercept({ method, path }, response) {
        if (lost || method !== 'POST' || path !== '/v1/jobs') return false;
        lost = true;
        dispatcher.attachments.contents.clear();
        const { problem } = await import('./support/answers.js');
        problem(response, 409, 'attachment-missing', 'It is not there.');
        return true;
      },
    });
    const { code } = await runScript(await client.pogo.file('script.sh', script));
    expect(code).toBe(0);
    expect(calls(dispatcher).filter((call) => call === 'PUT attachments')).toHaveLength(2);
  });

  it('of any size takes the same memory', async () => {
    const peakOf = async (bytes: number) => {
      const dispatcher = await client.dispatcherWith({ hold: true });
      const file = await client.pogo.file('sized', Buffer.alloc(bytes, 'x'));
      const running = client.pogo.start(['run', '-h', 'web1', '--identity', key, '-f', file]);
      await running.says('job p0000000012');
      const status = await readFile(`/proc/${running.child.pid}/status`, 'utf8');
      dispatcher.release();
      expect((await running.ended).code).toBe(0);
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
    };
    const small = await peakOf(1_000_000);
    const large = await peakOf(60_000_000);
    expect(large - small).toBeLessThan(20_000_000);
  });

  it('stops with Ctrl-C while it is uploaded, and no job is made', async () => {
    const dispatcher = await client.dispatcherWith({ breakUploadAfter: () => 1 });
    const file = await client.pogo.file('large', randomBytes(2_000_000));
    const running = client.pogo.start(['run', '-h', 'web1', '--identity', key, '-f', file]);
    await dispatcher.seen(({ method }) => method === 'PUT');
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('pogo: interrupted: stopped while ');
    expect(code).toBe(130);
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('that is larger than 100 MiB is refused before anything is asked', async () => {
    const dispatcher = await client.dispatcherWith();
    const path = join(client.pogo.directory, 'huge');
    const { open } = await import('node:fs/promises');
    const file = await open(path, 'w');
    await file.truncate(100 * 1024 * 1024 + 1);
    await file.close();
    const { code, stderr } = await runScript(path);
    expect(stderr).toContain(`pogo: script-too-large: script ${path} has 104857601 bytes`);
    expect(code).toBe(2);
    expect(dispatcher.requests).toEqual([]);
  });
});

describe('the bytes of a script', () => {
  async function read(path: string, offset = 0): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const file = await readScriptFile(path);
    if (!file.ok) throw new Error(file.failure.message);
    for await (const piece of scriptBytes(file.value, offset)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  it('are those of the file from any offset on', async () => {
    const content = randomBytes(700_000);
    const path = await client.pogo.file('bytes', content);
    for (const offset of [0, 1, 262_143, 262_144, 262_145, 699_999]) {
      expect((await read(path, offset)).equals(content.subarray(offset))).toBe(true);
    }
  });

  it.each([
    ['was written to', (content: Buffer) => Buffer.concat([content.subarray(0, -1), Buffer.from('x')])],
    ['has grown', (content: Buffer) => Buffer.concat([content, Buffer.from('x')])],
    ['was cut', (content: Buffer) => content.subarray(0, 10)],
  ])('of a file that %s in between are refused, the last piece unsent', async (_what, change) => {
    const content = Buffer.alloc(700_000, 'a');
    const path = await client.pogo.file('changing', content);
    const file = await readScriptFile(path);
    if (!file.ok) throw new Error(file.failure.message);
    await writeFile(path, change(content));
    let sent = 0;
    const reading = async () => {
      for await (const piece of scriptBytes(file.value, 0)) sent += piece.length;
    };
    const error = await reading().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ScriptChanged);
    expect((error as ScriptChanged).failure.code).toBe('script-changed');
    expect(sent).toBeLessThan(content.length);
  });
});
