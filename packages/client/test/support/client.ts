/** What most tests of the command have: the built `pogo`, an instance, a key, and scripted dispatchers that it is connected to. */
import { createPrivateKey } from 'node:crypto';
import { type SealedCredentials, type SealedPayload, sealedPayloadSchema } from '@pogo/protocol';
import { generalDecrypt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { newInstance, type TestInstance } from './certificates.js';
import { PogoFixture } from './pogo.js';
import { ScriptedDispatcher, type ScriptedDispatcherOptions } from './scripted-dispatcher.js';

export const token = 'pogo_test-token-with-enough-characters';

/** A private key file in the directory that commands run in. */
export const key = 'id';

export interface TestClient {
  readonly pogo: PogoFixture;
  readonly instance: TestInstance;
  /** Starts a dispatcher, which is stopped after the test, and writes its profile. */
  dispatcherWith(options?: Partial<ScriptedDispatcherOptions>): Promise<ScriptedDispatcher>;
  /** What was sealed for the worker, over the digest that was expected. */
  openSeal(credentials: SealedCredentials, digest: string): Promise<SealedPayload>;
}

/** Sets all of it up for the file that calls it. */
export function useClient(): TestClient {
  const instance = newInstance();
  const started: ScriptedDispatcher[] = [];
  let pogo: PogoFixture | undefined;
  beforeAll(async () => {
    pogo = await PogoFixture.build();
  });
  afterAll(() => pogo?.remove());
  beforeEach(async () => {
    await pogo!.file(key, '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n');
  });
  afterEach(async () => {
    for (const dispatcher of started.splice(0)) await dispatcher.stop();
  });
  return {
    get pogo() {
      return pogo!;
    },
    instance,
    async dispatcherWith(options = {}) {
      const dispatcher = new ScriptedDispatcher({ instance, token, ...options });
      started.push(dispatcher);
      await pogo!.connect(await dispatcher.start(), instance, token);
      return dispatcher;
    },
    async openSeal(credentials, digest) {
      const opened = await generalDecrypt(credentials, createPrivateKey(instance.sealing.key));
      const authenticated = Buffer.from(opened.additionalAuthenticatedData!).toString();
      if (authenticated !== digest) throw new Error(`sealed over ${authenticated} instead of ${digest}`);
      return sealedPayloadSchema.parse(JSON.parse(Buffer.from(opened.plaintext).toString('utf8')));
    },
  };
}

export function bytes(text: string): Buffer {
  return Buffer.from(text);
}
