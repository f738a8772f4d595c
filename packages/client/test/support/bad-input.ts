/** Tables of what people get wrong; each row is one run of the command, in a directory with good and bad files. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newInstance } from './certificates.js';
import { token } from './client.js';
import { PogoFixture } from './pogo.js';
import { ScriptedDispatcher } from './scripted-dispatcher.js';

export interface BadInput {
  readonly what: string;
  readonly args: readonly string[];
  /** Written to `.pogoconf` first. */
  readonly configuration?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit code: 2, wrong usage, unless told. */
  readonly code?: number;
  /** What stderr must have. */
  readonly says: readonly string[];
  readonly saysNot?: readonly string[];
}

/** `pogo run` on one host, with a key that would do. */
export function run(...args: string[]): string[] {
  return ['run', '-h', 'web1', '--identity', 'id', ...args];
}

const privateKey = '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n';

async function writeFiles(pogo: PogoFixture): Promise<void> {
  await pogo.file('id', privateKey);
  await pogo.file('open-id', privateKey, 0o640);
  await pogo.file('id.pub', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@here\n');
  await pogo.file('locked', privateKey.replaceAll('PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'));
  await pogo.file('open-password', 'geheim\n', 0o644);
  await pogo.file('empty', '\n');
  await pogo.file('bad-secrets', 'pasword: geheim\n');
  await pogo.file('bad-yaml-secrets', 'password: "geheim\n');
  await pogo.file('bad-named-secrets', 'secrets: {token: 17}\n');
  await pogo.file('flat-named-secrets', 'secrets: geheim\n');
  await pogo.file('hosts', 'web1\nweb[2-\n');
  await pogo.file('bad-keys', '# fine\nweb1 ssh-ed25519 not-base64\n');
  await pogo.file('empty-list', '');
  await pogo.file('no-script', '');
  await pogo.file('script.sh', '#!/bin/sh\necho hi\n');
}

/** One test for each row: stderr, exit code, nothing on stdout, never a stack. */
export function tryBadInput(what: string, cases: readonly BadInput[]): void {
  describe(what, () => {
    const instance = newInstance();
    const dispatcher = new ScriptedDispatcher({ instance, token });
    let pogo: PogoFixture;
    beforeAll(async () => {
      pogo = await PogoFixture.build();
      await pogo.connect(await dispatcher.start(), instance, token);
      await writeFiles(pogo);
    });
    afterAll(async () => {
      await dispatcher.stop();
      await pogo.remove();
    });

    it.each(cases)('$what', async ({ args, configuration, env, code = 2, says, saysNot = [] }) => {
      await pogo.file('home/.pogoconf', configuration ?? '');
      const finished = await pogo.run(args, { env: env ?? {} });
      for (const text of says) expect(finished.stderr).toContain(text);
      for (const text of saysNot) expect(finished.stderr).not.toContain(text);
      expect(finished.stderr).not.toMatch(/^\s+at .*\.(m?js|ts):\d+/m);
      expect(finished.code).toBe(code);
      expect(finished.stdout.length).toBe(0);
    });
  });
}
