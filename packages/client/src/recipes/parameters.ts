/** Parameters of a recipe: declared in the cookbook with type and default, given as `NAME=VALUE`. */
import { parseTargets } from '@pogo/core';
import * as z from 'zod';

export const parameterTypes = ['string', 'integer', 'boolean', 'choice', 'hosts'] as const;
export type ParameterType = (typeof parameterTypes)[number];

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly description?: string;
  /** Without one, a value must be given. */
  readonly default?: string;
  /** Of an integer. */
  readonly min?: number;
  readonly max?: number;
  /** Of a choice. */
  readonly choices?: readonly string[];
  /** The record that declares it, or changed its declaration last. */
  readonly record: string;
}

/** Longest value, in characters. */
const maxValueLength = 65_536;

const keys = ['type', 'description', 'default', 'min', 'max', 'choices'];
const text = (expected: string) => z.string({ error: `expected ${expected}` });

/** What a record says of a parameter; a record that is based on it may say more, or something else. */
export const declarationSchema = z.preprocess(
  (value) => (value === '' || value === null ? {} : value),
  z.strictObject(
    {
      type: z.enum(parameterTypes, { error: `expected ${parameterTypes.join(', ')}` }).optional(),
      description: text('a text').optional(),
      default: text('a value').optional(),
      min: text('a whole number').optional(),
      max: text('a whole number').optional(),
      choices: z.array(text('a value'), { error: 'expected a list such as [east, west]' }).optional(),
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? `unknown key: known are ${keys.join(', ')}`
          : 'expected what it is, such as { type: string, default: nginx }, or nothing',
    },
  ),
);
export type Declaration = z.infer<typeof declarationSchema>;

export type DeclaredParameter =
  | { readonly ok: true; readonly parameter: Parameter }
  | {
      readonly ok: false;
      /** The key of the declaration that is wrong. */
      readonly key: keyof Declaration;
      readonly message: string;
    };

/** The parameter of a declaration, which may have been put together from several records. */
export function declaredParameter(
  name: string,
  { type = 'string', ...declaration }: Declaration,
  record: string,
): DeclaredParameter {
  const wrong = (key: keyof Declaration, message: string): DeclaredParameter => ({ ok: false, key, message });
  const { description, choices } = declaration;
  const bounds: { min?: number; max?: number } = {};
  for (const key of ['min', 'max'] as const) {
    const bound = declaration[key];
    if (bound === undefined) continue;
    if (type !== 'integer') return wrong(key, `only an integer has ${key}, and this is of type ${type}`);
    if (!isInteger(bound)) return wrong(key, `${JSON.stringify(bound)} is not a whole number`);
    bounds[key] = Number(bound);
  }
  if ((bounds.min ?? -Infinity) > (bounds.max ?? Infinity)) return wrong('max', 'max is below min');
  if (type === 'choice' && (choices === undefined || choices.length === 0))
    return wrong('type', 'a choice needs choices, such as choices: [east, west]');
  if (type !== 'choice' && choices !== undefined)
    return wrong('choices', `only a choice has choices, and this is of type ${type}`);
  const parameter: Parameter = {
    name,
    type,
    record,
    ...bounds,
    ...(description !== undefined && { description }),
    ...(choices !== undefined && { choices }),
    ...(declaration.default !== undefined && { default: declaration.default }),
  };
  const problem = parameter.default === undefined ? undefined : valueProblem(parameter, parameter.default);
  return problem === undefined ? { ok: true, parameter } : wrong('default', problem);
}

/** Why this can't be the parameter's value, as a clause; undefined: it can. */
export function valueProblem(parameter: Parameter, value: string): string | undefined {
  const shown = JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (value.length > maxValueLength)
    return `the value has ${value.length} characters, and at most ${maxValueLength} are taken`;
  if (value.includes('\0')) return 'the value has a NUL character, which no command can get';
  const { type, min = -Infinity, max = Infinity, choices = [] } = parameter;
  switch (type) {
    case 'string':
      return undefined;
    case 'integer':
      if (isInteger(value) && Number(value) >= min && Number(value) <= max) return undefined;
      return `${shown} is not a whole number${boundsText(parameter)}`;
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : `${shown} is neither true nor false`;
    case 'choice':
      return choices.includes(value) ? undefined : `${shown} is none of ${choices.join(', ')}`;
    case 'hosts': {
      const parsed = parseTargets(value);
      return parsed.ok
        ? undefined
        : `${shown} is no expression of hosts: ${parsed.error.message} at position ${parsed.error.offset + 1}`;
    }
  }
}

/** A type with what limits it, for people: `integer from 1 to 100`. */
export function typeText(parameter: Parameter): string {
  const { type, choices } = parameter;
  if (choices !== undefined) return choices.join(' | ');
  return `${type}${boundsText(parameter)}`;
}

function boundsText({ min, max }: Parameter): string {
  return `${min === undefined ? '' : ` from ${min}`}${max === undefined ? '' : ` to ${max}`}`;
}

/** Written as numbers are: no sign but "-", no leading zeros, few enough digits to be exact. */
function isInteger(text: string): boolean {
  return /^(?:0|-?[1-9]\d{0,14})$/.test(text);
}
