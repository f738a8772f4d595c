/** What a practice host's program is told: one JSON object on the first line of its stdin. */
export interface PracticeHostSettings {
  /** The account's name; the current user's by default. */
  user?: string;
  password?: string;
  authorizedKeys?: string[];
  /** How many hosts to be; 1 by default. */
  count?: number;
  layout?: 'addresses' | 'ports';
  /** Makes an Ed25519 key pair here, encrypted if there is a passphrase, and lets it log in. */
  clientKeyFile?: string;
  clientKeyPassphrase?: string;
  /** Writes a known_hosts file for all the hosts here. */
  knownHostsFile?: string;
  /** Writes one JSON line per decided attempt to log in on stdout. */
  authLog?: boolean;
  /** How long a command may go on after its connection closed, in milliseconds. */
  graceMs?: number;
}

const kinds: Record<keyof PracticeHostSettings, (value: unknown) => boolean> = {
  user: isText,
  password: isText,
  authorizedKeys: (value) => Array.isArray(value) && value.every(isText),
  count: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 10_000,
  layout: (value) => value === 'addresses' || value === 'ports',
  clientKeyFile: isText,
  clientKeyPassphrase: isText,
  knownHostsFile: isText,
  authLog: (value) => typeof value === 'boolean',
  graceMs: (value) => Number.isInteger(value) && Number(value) >= 0,
};

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isKnownKey(key: string): key is keyof PracticeHostSettings {
  return Object.hasOwn(kinds, key);
}

export type ParsedSettings =
  | { ok: true; settings: PracticeHostSettings }
  /** Names the key, never the value: it may be the password. */
  | { ok: false; reason: string };

/** Reads the settings; unknown keys are refused. */
export function parsePracticeHostSettings(text: string): ParsedSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'the first line of stdin is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, reason: 'the first line of stdin is not a JSON object' };
  }
  const settings: Partial<Record<keyof PracticeHostSettings, unknown>> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (!isKnownKey(key)) return { ok: false, reason: `unknown key '${key}'` };
    if (!kinds[key](entry)) return { ok: false, reason: `'${key}' has a wrong value` };
    settings[key] = entry;
  }
  return { ok: true, settings: settings as PracticeHostSettings };
}
