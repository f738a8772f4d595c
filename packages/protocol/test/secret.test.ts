import { inspect } from 'node:util';
import { Secret } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';

describe('a secret', () => {
  it('prints as [secret] wherever it ends up', () => {
    const secret = new Secret('hunter2');
    const wrapped = { deep: [secret], secret };
    const texts = [
      String(secret),
      `${secret}`,
      JSON.stringify(wrapped),
      inspect(wrapped, { depth: 9, showHidden: true }),
      new Error(`failed with ${secret}`).message,
      Object.entries(secret).join(),
      inspect(new Secret(Buffer.from('hunter2')), { showHidden: true }),
    ];
    for (const text of texts) expect(text).not.toContain('hunter2');
    expect(JSON.stringify(wrapped)).toContain('[secret]');
    expect(secret.reveal()).toBe('hunter2');
  });

  it('overwrites a buffer when it is wiped', () => {
    const bytes = Buffer.from('hunter2');
    new Secret(bytes).wipe();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});
