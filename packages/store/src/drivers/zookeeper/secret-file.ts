import { open } from 'node:fs/promises';
import { Secret } from '@pogo/protocol';
import { StoreError } from '../../store-error.js';

/** The text of a file that only its owner may read, without the line's end. Rejects with `store-unsupported`. */
export async function readSecretFile(setting: string, path: string): Promise<Secret> {
  const file = await open(path, 'r').catch((error: unknown) => {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw refusal(setting, path, `can't be read (${cause}): check its path, owner and mode`);
  });
  try {
    const mode = (await file.stat()).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const octal = `0${mode.toString(8).padStart(3, '0')}`;
      throw refusal(
        setting,
        path,
        `has mode ${octal} and may be read by others: run chmod 600 ${path}, and replace what is in it if others could have read it`,
      );
    }
    const text = (await file.readFile('utf8')).trim();
    if (text === '') throw refusal(setting, path, 'is empty: put the secret there');
    return new Secret(text);
  } finally {
    await file.close();
  }
}

function refusal(setting: string, path: string, cause: string): StoreError {
  return new StoreError('store-unsupported', `can't open the ZooKeeper store: ${setting} ${path} ${cause}`);
}
