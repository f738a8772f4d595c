/**
 * What can be set in `.pogoconf`, in `POGO_*` variables and by options: one declaration per setting, so that a value is
 * read and checked alike wherever it comes from. Names (accounts, methods, namespaces) are checked by the dispatcher, with
 * the schema of the request, which has the one declaration of their form.
 */
import { specLimits } from '@pogo/protocol';
import {
  countOrPercentage,
  durationMs,
  integer,
  oneOf,
  text,
  type ValueParser,
} from '../command-line/option.js';
import { isDispatcherUrl } from '../api/dispatcher-urls.js';
import { failed, type Result, success, usageFailure } from '../failure.js';

/** A setting with one value, or a list; `separator` divides a list in a variable or an option. */
export type Setting<T = unknown> =
  | {
      readonly kind: 'one';
      readonly parse: ValueParser<T>;
      readonly isPath?: true;
      /** Written as `true` or `false`. */
      readonly isBoolean?: true;
    }
  | {
      readonly kind: 'list';
      readonly separator: ',' | ':';
      readonly parse: ValueParser<T>;
      readonly isPath?: true;
    };

const day = 86_400_000;

function one<T>(parse: ValueParser<T>) {
  return { kind: 'one', parse } as const;
}
function dispatcherUrl(value: string): Result<string> {
  return isDispatcherUrl(value)
    ? success(value)
    : usageFailure(
        'invalid-value',
        `${JSON.stringify(value)} is not where a dispatcher may be: give https://HOST:PORT, without a path`,
      );
}
const path = { kind: 'one', parse: text, isPath: true } as const;
const boolean = {
  kind: 'one',
  parse: (value: string): Result<boolean> => {
    const word = oneOf(['true', 'false'])(value);
    return word.ok ? success(word.value === 'true') : word;
  },
  isBoolean: true,
} as const;
const paths = { kind: 'list', separator: ':', parse: text, isPath: true } as const;

export const settings = {
  user: one(text),
  port: one(integer({ min: 1, max: 65_535 })),
  auth: { kind: 'list', separator: ',', parse: text },
  host_key_policy: one(oneOf(['strict', 'accept-new'])),
  known_hosts: paths,
  identities: paths,
  password_file: path,
  sudo_password_file: path,
  secrets: path,
  cookbook: path,
  timeout: one(durationMs({ maxMs: 31 * day })),
  job_timeout: one(durationMs({ maxMs: 31 * day })),
  connect_timeout: one(durationMs({ maxMs: 600_000 })),
  handshake_timeout: one(durationMs({ maxMs: 600_000 })),
  run_as: one(text),
  forward_agent: boolean,
  retry: one(integer({ min: 0, max: 100 })),
  retry_unreachable: one(integer({ min: 0, max: 100 })),
  survive_disconnect: boolean,
  disconnect_limit: one(durationMs({ minMs: specLimits.minDisconnectMs, maxMs: specLimits.maxDisconnectMs })),
  hooks: boolean,
  prehooks: boolean,
  posthooks: boolean,
  concurrent: one(countOrPercentage),
  max_failures: one(countOrPercentage),
  namespace: one(text),
  /** Any of one instance, in order: instead of those of the profile. */
  dispatchers: { kind: 'list', separator: ',', parse: dispatcherUrl },
  color: one(oneOf(['auto', 'always', 'never'])),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
/** The type of a setting's value; lists are arrays. */
export type SettingValue<Name extends SettingName> = (typeof settings)[Name] extends {
  kind: 'list';
  parse: ValueParser<infer T>;
}
  ? readonly T[]
  : (typeof settings)[Name] extends { parse: ValueParser<infer T> }
    ? T
    : never;

/** The variable that sets it: `POGO_JOB_TIMEOUT`. */
export function variableOf(name: SettingName): string {
  return `POGO_${name.toUpperCase()}`;
}

/** Reads the text of a variable or an option: a list is divided first. */
export function parseSettingText(setting: Setting, value: string): Result<unknown> {
  if (setting.kind === 'one') return setting.parse(value);
  return parseList(
    setting,
    value.split(setting.separator).map((part) => part.trim()),
  );
}

/** Reads the items of a list. */
export function parseList(setting: Setting & { kind: 'list' }, items: readonly string[]): Result<unknown[]> {
  const values: unknown[] = [];
  for (const item of items) {
    const parsed = setting.parse(item);
    if (!parsed.ok) return failed(parsed.failure);
    values.push(parsed.value);
  }
  return success(values);
}
