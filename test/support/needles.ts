/** Looking for a secret in bytes, in every form in which it might have been written down. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Needle {
  form: string;
  bytes: Buffer;
}

/** Raw, base64 in its three alignments, hex, URL-encoded, UTF-16. */
export function needlesOf(secret: string | Buffer): Needle[] {
  const raw = Buffer.from(secret);
  // In the middle of a longer text the encoding depends on the position modulo 3; the ends depend on the neighbours.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), raw])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [
    { form: 'raw', bytes: raw },
    { form: 'UTF-16', bytes: Buffer.from(raw.toString('latin1'), 'utf16le') },
    { form: 'hex', bytes: Buffer.from(raw.toString('hex')) },
    { form: 'URL-encoded', bytes: Buffer.from([...raw].map((byte) => `%${byte.toString(16)}`).join('')) },
    ...base64.map((text, shift) => ({ form: `base64 at ${shift}`, bytes: Buffer.from(text) })),
  ];
}

export function formsIn(bytes: Buffer, needles: readonly Needle[]): string[] {
  return needles.filter((needle) => bytes.includes(needle.bytes)).map((needle) => needle.form);
}

const chunkBytes = 16 * 1024 * 1024;

/** The same for a file of any size, read in overlapping pieces. */
export function formsInFile(path: string, needles: readonly Needle[]): string[] {
  const overlap = Math.max(...needles.map((needle) => needle.bytes.length)) - 1;
  const buffer = Buffer.allocUnsafe(chunkBytes + overlap);
  const found = new Set<string>();
  const file = openSync(path, 'r');
  try {
    let kept = 0;
    for (;;) {
      const read = readSync(file, buffer, kept, chunkBytes, null);
      if (read === 0) return [...found];
      const filled = buffer.subarray(0, kept + read);
      for (const form of formsIn(filled, needles)) found.add(form);
      kept = Math.min(overlap, filled.length);
      filled.copyWithin(0, filled.length - kept);
    }
  } finally {
    closeSync(file);
  }
}

export interface SearchLimits {
  /** Only files that were written since this wall-clock instant, in milliseconds. */
  readonly sinceMs?: number;
  /** How many directories deep to look; 0 is the directory's own files. */
  readonly depth?: number;
}

/** Every regular file below `directory`, with the forms found in it; files that it finds nothing in are left out. */
export function formsBelow(
  directory: string,
  needles: readonly Needle[],
  { sinceMs = 0, depth = Infinity }: SearchLimits = {},
): { path: string; forms: string[] }[] {
  const found: { path: string; forms: string[] }[] = [];
  // What others who use the directory remove meanwhile is no fault.
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && depth > 0) {
      found.push(...formsBelow(path, needles, { sinceMs, depth: depth - 1 }));
    } else if (entry.isFile()) {
      const forms = unlessGone(() => (statSync(path).mtimeMs < sinceMs ? [] : formsInFile(path, needles)));
      if (forms !== undefined && forms.length > 0) found.push({ path, forms });
    }
  }
  return found;
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Arguments and environments of all processes that can be seen. */
export function formsInProcesses(needles: readonly Needle[]): string[] {
  const found: string[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    for (const part of ['cmdline', 'environ']) {
      try {
        const forms = formsIn(readFileSync(`/proc/${name}/${part}`), needles);
        if (forms.length > 0) found.push(`${part} of ${name}: ${forms.join(', ')}`);
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  return found;
}

export function fileBytes(path: string): number {
  return statSync(path).size;
}
