/**
 * Host keys from files in OpenSSH's known_hosts format (sshd(8)): hashed names, `[host]:port`, patterns with `*`, `?`
 * and `!`, several key types per host, `@revoked`. Pure: text in, keys out.
 *
 * 1. Never throws, whatever the text: a line that can't be used is left out, and a note says which and why.
 * 2. A revoked key is never among the keys of a host.
 * 3. A host on another port than 22 is known only as `[host]:port`.
 * 4. What was accepted on first sight only (the comment has {@link acceptNewMarker}) says so: no password goes there.
 */
import { type HostPatterns, matchesHost, parseHostPatterns } from './host-patterns.js';
import { publicKeyBlob, publicKeyText, type PublicKeyText } from './public-key.js';

/** Word in the comment of a line that `accept-new` recorded. */
export const acceptNewMarker = 'pogo:accept-new';

/** A key that a file has for a host. */
export interface KnownHostKey {
  readonly key: PublicKeyText;
  /** First word of `key`. */
  readonly type: string;
  /** Where it stands, from 1. */
  readonly line: number;
  /** Recorded by `accept-new`: nobody has vouched for it. */
  readonly firstSightOnly: boolean;
}

/** What a file says of one host; both lists are empty when it doesn't know the host. */
export interface KnownHostMatch {
  readonly keys: readonly KnownHostKey[];
  /** Keys that must be refused, whatever else is known. */
  readonly revoked: readonly PublicKeyText[];
}

/** A line that isn't used. */
export interface KnownHostsNote {
  readonly line: number;
  /** E.g. `certificate authorities are not supported`. */
  readonly text: string;
}

interface Entry extends KnownHostKey {
  readonly patterns: HostPatterns;
  readonly revoked: boolean;
}

/** A parsed file, indexed for {@link KnownHosts.lookup}. */
export class KnownHosts {
  readonly notes: readonly KnownHostsNote[];
  readonly #named = new Map<string, Entry[]>();
  readonly #patterns: Entry[] = [];
  /** A hash stands for one name: an entry whose name was found moves to `#named`. */
  readonly #hashed = new Set<Entry>();

  constructor(text: string) {
    const notes: KnownHostsNote[] = [];
    let line = 0;
    for (const content of text.split('\n')) {
      line++;
      const parsed = parseLine(content, line);
      if (parsed === undefined) continue;
      if ('text' in parsed) notes.push(parsed);
      else this.#add(parsed);
    }
    this.notes = notes;
  }

  /** The keys for a host, by name or address as it was given, in the file's order. */
  lookup(host: string, port: number): KnownHostMatch {
    const found: Entry[] = [];
    for (const name of namesOf(host, port)) {
      for (const entry of this.#hashed) {
        if (!matchesHost(entry.patterns, name)) continue;
        this.#hashed.delete(entry);
        this.#name(name, entry);
      }
      found.push(...(this.#named.get(name) ?? []));
      for (const entry of this.#patterns) if (matchesHost(entry.patterns, name)) found.push(entry);
    }
    found.sort((a, b) => a.line - b.line);
    const revoked = new Set(found.filter((entry) => entry.revoked).map((entry) => entry.key));
    const keys = new Map<string, KnownHostKey>();
    for (const { key, type, line, firstSightOnly } of found) {
      if (revoked.has(key)) continue;
      // Vouched for in another line counts.
      if (keys.get(key)?.firstSightOnly ?? true) keys.set(key, { key, type, line, firstSightOnly });
    }
    return { keys: [...keys.values()], revoked: [...revoked] };
  }

  #add(entry: Entry): void {
    const { patterns } = entry;
    if (patterns.kind === 'hashed') this.#hashed.add(entry);
    else if (patterns.kind === 'patterns') this.#patterns.push(entry);
    else for (const name of new Set(patterns.names)) this.#name(name, entry);
  }

  #name(name: string, entry: Entry): void {
    const entries = this.#named.get(name);
    if (entries) entries.push(entry);
    else this.#named.set(name, [entry]);
  }
}

/** Reads a known_hosts file's text. */
export function parseKnownHosts(text: string): KnownHosts {
  return new KnownHosts(text);
}

/** The name of a host in the file: `host`, or `[host]:port` where the port isn't 22; lower case. */
export function knownHostsName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** One line of a file, without line break. `comment` may be empty. */
export function knownHostsLine(entry: {
  host: string;
  port: number;
  key: PublicKeyText;
  comment?: string;
}): string {
  const comment = (entry.comment ?? '').replace(/[\0-\x1f\x7f]/g, ' ').trim();
  return `${knownHostsName(entry.host, entry.port)} ${entry.key}${comment === '' ? '' : ` ${comment}`}`;
}

/** As given, and for an IPv6 address in its shortest spelling too, which is what OpenSSH writes (RFC 5952). */
function namesOf(host: string, port: number): Set<string> {
  const names = new Set([knownHostsName(host, port)]);
  if (host.includes(':') && !host.includes('%') && URL.canParse(`http://[${host}]`)) {
    names.add(knownHostsName(new URL(`http://[${host}]`).hostname.slice(1, -1), port));
  }
  return names;
}

function parseLine(content: string, line: number): Entry | KnownHostsNote | undefined {
  const fields = content.trim().split(/[ \t]+/);
  if (fields[0] === '' || fields[0]!.startsWith('#')) return undefined;
  const note = (text: string): KnownHostsNote => ({ line, text });
  const marker = fields[0]!.startsWith('@') ? fields.shift()! : undefined;
  if (marker === '@cert-authority') return note('certificate authorities are not supported');
  if (marker !== undefined && marker !== '@revoked') return note('unknown marker');
  const [hosts, type, base64, ...comment] = fields;
  if (hosts === undefined || type === undefined || base64 === undefined) {
    return note('not of the form: hosts type key');
  }
  if (/^\d+$/.test(type)) return note('keys of SSH protocol 1 are not supported');
  const blob = publicKeyBlob(`${type} ${base64}`);
  const key = blob && publicKeyText(blob);
  if (key === undefined) return note('not a public key');
  const patterns = parseHostPatterns(hosts);
  if (patterns === undefined) return note('not a host name, pattern or hash');
  const firstSightOnly = comment.includes(acceptNewMarker);
  return { key, type, line, firstSightOnly, patterns, revoked: marker === '@revoked' };
}
