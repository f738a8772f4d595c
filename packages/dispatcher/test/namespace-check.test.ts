import { writeFileSync } from 'node:fs';
import { createTemporaryDirectory } from '@pogo/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerCheck, checkHere, checkInThreads } from '../src/namespaces/namespace-check.js';

const right = "apps: { web: 'web[1-3]' }\n";
const wrong = "apps: { web: '@nobody' }\n";
/** Makes a file large without changing what it says. */
const large = (text: string) => text + '# and so on\n'.repeat(4000);

describe('a namespace file that is checked in a thread', () => {
  let directory: ReturnType<typeof createTemporaryDirectory>;
  beforeEach(() => (directory = createTemporaryDirectory()));
  afterEach(() => directory.remove());

  /** A program whose thread answers what the expression comes to; `file` and `text` are what it was given. */
  function program(answer: string): string {
    const path = directory.file('program.mjs');
    writeFileSync(
      path,
      `import { parentPort, workerData, threadId } from 'node:worker_threads';
       const { file, text } = workerData;
       parentPort.postMessage(${answer});`,
    );
    return path;
  }

  it('has the problems that the thread found, and only a large file has a thread', async () => {
    const check = checkInThreads(
      program(
        "{ ok: false, problems: [{ file, line: 7, column: 1, code: 'seen', message: String(threadId > 0 && text.length) }] }",
      ),
    );
    const text = large(wrong);
    expect(await check({ file: 'prod.yaml', text })).toEqual({
      ok: false,
      problems: [{ file: 'prod.yaml', line: 7, column: 1, code: 'seen', message: String(text.length) }],
    });
    expect(await check({ file: 'prod.yaml', text: wrong })).toMatchObject({
      problems: [{ line: 1, code: 'unknown-group' }],
    });
  });

  it('becomes the same namespace as one that is checked at once', async () => {
    const file = { file: 'prod.yaml', text: large(right) };
    const answer = answerCheck(file);
    const check = checkInThreads(program(JSON.stringify(answer)));
    const [there, here] = [await check(file), await checkHere(file)];
    expect(there.ok && there.namespace.hosts).toEqual(['web1', 'web2', 'web3']);
    expect(here.ok && here.namespace.hosts).toEqual(['web1', 'web2', 'web3']);
    expect(there.ok && there.namespace.definition).toEqual(here.ok && here.namespace.definition);
  });

  it('is a failure, and no file is refused, when the thread dies', async () => {
    const file = { file: 'prod.yaml', text: large(right) };
    await expect(checkInThreads(program('process.exit(3)'))(file)).rejects.toThrow('without a word');
    await expect(
      checkInThreads(program("(() => { throw new Error('out of luck') })()"))(file),
    ).rejects.toThrow('out of luck');
  });

  it('has its turn when the one before it is done', async () => {
    const check = checkInThreads(
      program(
        "{ ok: false, problems: [{ file, line: 1, column: 1, code: 'thread', message: String(threadId) }] }",
      ),
    );
    const text = large(right);
    const ended: string[] = [];
    await Promise.all(
      ['a.yaml', 'b.yaml', 'c.yaml'].map(async (file) => {
        await check({ file, text });
        ended.push(file);
      }),
    );
    expect(ended).toEqual(['a.yaml', 'b.yaml', 'c.yaml']);
  });
});
