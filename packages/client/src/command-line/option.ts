import { type Result, success, usageFailure } from '../failure.js';

/** Reads the text of one value; `text` may come from a flag, the environment or a configuration file. */
export type ValueParser<T> = (text: string) => Result<T>;

interface OptionBase {
  /** All spellings: `-h`, `--host`, `--target`. The first long one names the option in messages. */
  readonly spellings: readonly string[];
  readonly description: string;
}

/** An option of a command; `T` is what a parsed command line holds for it. */
export type Option<T> =
  | (OptionBase & { readonly kind: 'flag'; readonly value: T })
  | (OptionBase & OptionArgument & { readonly kind: 'one'; readonly parse: ValueParser<T> })
  | (OptionBase & OptionArgument & { readonly kind: 'many'; readonly parse: ValueParser<T> });

/** What a shell offers: names of files, of directories, of the cookbook's recipes, or these words. */
export type Completion = 'file' | 'directory' | 'recipe' | readonly string[];

interface OptionArgument {
  /** Name of the value in help: `EXPR`. */
  readonly argument: string;
  /** What a shell offers after it. */
  readonly completes?: Completion;
}

export interface Flag extends OptionBase {
  readonly kind: 'flag';
  /** What the option stands for when it is given: false for a `--no-…`. */
  readonly value: boolean;
}
export interface OneValue<T> extends OptionBase, OptionArgument {
  readonly kind: 'one';
  readonly parse: ValueParser<T>;
}
export interface ManyValues<T> extends OptionBase, OptionArgument {
  readonly kind: 'many';
  readonly parse: ValueParser<T>;
}
export type AnyOption = Flag | OneValue<unknown> | ManyValues<unknown>;
export type Options = Readonly<Record<string, AnyOption>>;

/** What a command line holds for these options: absent where an option wasn't given. */
export type ValuesOf<O extends Options> = {
  readonly [Key in keyof O]?: O[Key] extends ManyValues<infer T>
    ? readonly T[]
    : O[Key] extends OneValue<infer T>
      ? T
      : boolean;
};

/** `-d, --detach`; a spelling that begins with `--no-` means false. */
export function flag(spellings: string, description: string): Flag {
  const all = spellings.split(/,\s*/);
  return { kind: 'flag', spellings: all, description, value: !all[0]!.startsWith('--no-') };
}

export function one<T>(
  spellings: string,
  description: string,
  value: { argument: string; parse: ValueParser<T>; completes?: OptionArgument['completes'] },
): OneValue<T> {
  return { kind: 'one', spellings: spellings.split(/,\s*/), description, ...withoutUndefined(value) };
}

/** An option that may be given several times. */
export function many<T>(
  spellings: string,
  description: string,
  value: { argument: string; parse: ValueParser<T>; completes?: OptionArgument['completes'] },
): ManyValues<T> {
  return { kind: 'many', spellings: spellings.split(/,\s*/), description, ...withoutUndefined(value) };
}

function withoutUndefined<T>(value: {
  argument: string;
  parse: ValueParser<T>;
  completes?: OptionArgument['completes'];
}): OptionArgument & { parse: ValueParser<T> } {
  const { argument, parse, completes } = value;
  return { argument, parse, ...(completes !== undefined && { completes }) };
}

/** How the option is named in messages: its first long spelling, or else its first. */
export function optionName(option: OptionBase): string {
  return option.spellings.find((spelling) => spelling.startsWith('--')) ?? option.spellings[0]!;
}

export const text: ValueParser<string> = (value) =>
  value === ''
    ? usageFailure('empty-value', 'the value is empty: leave the option out or give it one')
    : success(value);

/** What an HTTP header can carry as it is: visible ASCII, at most 255 characters. */
export const headerText: ValueParser<string> = (value) =>
  /^[!-~]{1,255}$/.test(value)
    ? success(value)
    : usageFailure(
        'invalid-value',
        `${JSON.stringify(value)} cannot be a key: use up to 255 letters, digits and signs, without spaces`,
      );

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueParser<T> {
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    return word === undefined
      ? usageFailure('invalid-value', `${JSON.stringify(value)} is none of ${words.join(', ')}`)
      : success(word);
  };
}

/** A whole number between two bounds. */
export function integer(bounds: { min: number; max: number }): ValueParser<number> {
  return (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= bounds.min && number <= bounds.max
      ? success(number)
      : usageFailure(
          'invalid-value',
          `${JSON.stringify(value)} is not a whole number from ${bounds.min} to ${bounds.max}`,
        );
  };
}

const unitMs: Readonly<Record<string, number>> = {
  '': 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time span in seconds, or with a unit (`ms`, `s`, `m`, `h`, `d`), as milliseconds. */
export function durationMs({ minMs = 1, maxMs }: { minMs?: number; maxMs: number }): ValueParser<number> {
  return (value) => {
    const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(value);
    const ms = match === null ? Number.NaN : Math.round(Number(match[1]) * unitMs[match[2] ?? '']!);
    if (ms >= minMs && ms <= maxMs) return success(ms);
    const range = `${minMs > 1 ? `of at least ${minMs / 1000} s and ` : ''}of at most ${maxMs / 1000} s`;
    return usageFailure(
      'invalid-value',
      `${JSON.stringify(value)} is not a time span in seconds (or such as 90s, 10m, 2h) ${range}`,
    );
  };
}

/** A count, or a percentage of the job's hosts, kept as written. */
export const countOrPercentage: ValueParser<string> = (value) => {
  const match = /^(\d{1,7})(%?)$/.exec(value);
  const number = match === null ? 0 : Number(match[1]);
  return number >= 1 && (match?.[2] === '' || number <= 100)
    ? success(value)
    : usageFailure(
        'invalid-value',
        `${JSON.stringify(value)} is neither a count from 1 nor a percentage from 1% to 100%`,
      );
};
