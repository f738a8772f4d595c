import type { ConcurrencyLimit } from '@pogo/core';
import * as z from 'zod';

const anExpression = "expected a target expression in quotes, such as 'web[1-10].example.com'";
const expression = z.string({ error: anExpression });
/** One expression, or a list of them. */
const expressions = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(expression, { error: "expected a list of target expressions, such as [ 'web[1-10]' ]" }),
);
const hostNames = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(z.string({ error: 'expected a host name or an address in quotes' }), {
    error: 'expected a list of host names and addresses',
  }),
);

/** `25%`, `1`, `'1'`; what it may be beyond its form is the namespace's business. */
const limit = z.unknown().transform((value, context): ConcurrencyLimit => {
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'count', count: value };
  const match = typeof value === 'string' ? /^([+-]?\d{1,12}(?:\.\d{1,12})?)(\s?%)?$/.exec(value) : null;
  if (match !== null) {
    const number = Number(match[1]);
    return match[2] === undefined ? { kind: 'count', count: number } : { kind: 'percent', percent: number };
  }
  context.addIssue({ code: 'custom', message: 'expected a count such as 3, or a percentage such as 25%' });
  return z.NEVER;
});

/** A map of limits; a list of maps with one key each is read as such. */
const limits = z.preprocess(
  (value, context) => {
    if (!Array.isArray(value)) return value;
    const entries = new Map<string, unknown>();
    for (const [index, item] of value.entries()) {
      const pairs: [string, unknown][] =
        typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.entries(item) : [];
      const [pair, second] = pairs;
      if (pair === undefined || second !== undefined) {
        context.addIssue({
          code: 'custom',
          path: [index],
          message: 'expected one app and its limit, such as frontend: 25%',
        });
      } else if (entries.has(pair[0])) {
        const message = 'the limit of this app is in the list already';
        context.addIssue({
          code: 'custom',
          path: [index, pair[0]],
          message,
          params: { code: 'duplicate-key' },
        });
      } else entries.set(...pair);
    }
    return Object.fromEntries(entries);
  },
  z.record(z.string(), limit, {
    error: 'expected apps and their limits, such as { frontend: 25%, backend: 1 }',
  }),
);

const sequences = z.array(
  z.array(z.string({ error: 'expected the name of an app' }), {
    error: 'expected a list of lists of apps, such as [ [ backend, frontend ] ]',
  }),
  { error: 'expected a list of lists of apps, such as [ [ backend, frontend ] ]' },
);

const constraints = z
  .strictObject(
    { concurrency: limits.optional(), sequence: sequences.optional() },
    { error: strictError('expected concurrency and sequence', ['concurrency', 'sequence']) },
  )
  .transform(({ concurrency = {}, sequence = [] }) => ({ concurrency, sequence }));

const keys = ['apps', 'envs', 'aliases', 'constraints', 'pools', 'hold_failures'];

/** The file as YAML gives it, into a definition. */
export const namespaceDocumentSchema = z
  .strictObject(
    {
      apps: z.record(z.string(), expressions, {
        error: ({ input }) =>
          input === undefined
            ? 'the file has no apps: they say which hosts there are'
            : "expected apps and their hosts, such as frontend: [ 'web[1-10]' ]",
      }),
      envs: z
        .record(
          z.string(),
          z.record(z.string(), expressions, {
            error: "expected values of this environment type and their hosts, such as east: [ '*.east' ]",
          }),
          { error: "expected environment types, such as coast: { east: [ '*.east' ] }" },
        )
        .default({}),
      aliases: z
        .record(z.string(), hostNames, {
          error: 'expected hosts and their other names, such as web1.example.com: [ web1 ]',
        })
        .default({}),
      constraints: z
        .record(z.string(), constraints, { error: 'expected environment types and what holds in them' })
        .default({}),
      pools: z
        .record(z.string(), expression, {
          error: "expected pools and their hosts, such as east: '@coast:east'",
        })
        .default({}),
      hold_failures: z
        .enum(['until-well', 'until-job-ends'], { error: 'expected until-well or until-job-ends' })
        .default('until-well'),
    },
    { error: strictError('expected keys such as apps, envs and constraints', keys) },
  )
  .transform(({ hold_failures: holdFailures, ...parts }) => ({ ...parts, holdFailures }));

function strictError(otherwise: string, known: readonly string[]) {
  return (issue: { readonly code?: string | undefined }) =>
    issue.code === 'unrecognized_keys' ? `unknown key: known are ${known.join(', ')}` : otherwise;
}
