import { dirname, resolve } from 'node:path';

/** What has a scheme, such as `https://…`, and isn't a path. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** A path that a file names: relative to that file; `~/` is the user's home. */
export function pathFrom(file: string, path: string, homeDirectory: string): string {
  return path === '~' || path.startsWith('~/')
    ? resolve(homeDirectory, path.slice(2))
    : resolve(dirname(file), path);
}
