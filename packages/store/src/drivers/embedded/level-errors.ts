import { StoreError } from '../../store-error.js';

/** What an error of LevelDB or of the file system means to whoever uses the store in `directory`. */
export function storeErrorOf(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = rootOf(error);
  const options = { cause: error };
  if (code === 'LEVEL_LOCKED') return locked(directory, 'another', options);
  if (code === 'LEVEL_CORRUPTION' || message.includes('create_if_missing'))
    return corrupt(directory, message, options);
  return new StoreError(
    'store-unavailable',
    `the store in ${directory} can't be read or written: ${message}. ${nextStep(message)}`,
    options,
  );
}

function nextStep(cause: string): string {
  if (/no space left|quota exceeded/i.test(cause))
    return 'Its disk is full: make room there, then try again. Nothing that was acknowledged is lost';
  if (/permission denied|read-only file system|not permitted/i.test(cause))
    return 'Make the directory and all in it writable for this account, then try again';
  return 'Check that the directory may be written and that its disk works and has space left';
}

export function locked(directory: string, which: 'this' | 'another', options?: ErrorOptions): StoreError {
  return new StoreError(
    'store-locked',
    `the store in ${directory} is open in ${which} process: stop what uses it there, or use another directory`,
    options,
  );
}

export function corrupt(directory: string, cause: string, options?: ErrorOptions): StoreError {
  return new StoreError(
    'store-corrupt',
    `the store in ${directory} is damaged: ${cause}. Restore the directory from a backup, or use another one`,
    options,
  );
}

/** The innermost cause, which knows the reason. */
function rootOf(error: unknown): { code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  if (error.cause !== undefined) return rootOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { code, message: error.message };
}
