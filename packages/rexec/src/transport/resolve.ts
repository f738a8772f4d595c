import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export type ResolveOutcome =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly detail: string };

/** Every address of a host, in the order that the system prefers. Addresses stand for themselves. */
export async function resolveHost(host: string): Promise<ResolveOutcome> {
  if (isIP(host) !== 0) return { ok: true, addresses: [host] };
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    const addresses = [...new Set(found.map(({ address }) => address))];
    if (addresses.length > 0) return { ok: true, addresses };
    return { ok: false, detail: 'the name has no address' };
  } catch (error) {
    return { ok: false, detail: resolveErrors[codeOf(error)] ?? `name resolution failed (${codeOf(error)})` };
  }
}

const resolveErrors: Record<string, string> = {
  ENOTFOUND: 'the name does not exist',
  ENODATA: 'the name has no address',
  EAI_NODATA: 'the name has no address',
  EAI_AGAIN: 'no name server answered',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
