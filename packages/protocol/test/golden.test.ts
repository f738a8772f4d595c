/**
 * Messages as each version of the links has them, in `golden/VERSION`: today's schemas read them as they are, and a neighbour's,
 * which lack what is newer here or have what is newer there. docs/VERSIONS.md says when one is added; none is ever changed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  commonVersion,
  decodeLogBatch,
  encodeLogBatch,
  oldestProtocolVersion,
  protocolVersion,
  showVersions,
} from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import * as clientApi from '../src/client-api.js';
import * as logBatch from '../src/log-batch.js';
import * as rexecLink from '../src/rexec-link.js';
import * as workerApi from '../src/worker-api.js';
import * as workerJournal from '../src/worker-journal.js';
import * as workerLink from '../src/worker-link.js';

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
type Samples = Record<string, Json[]>;

const links: Record<string, Record<string, unknown>> = {
  'client-api': clientApi,
  'log-batch': logBatch,
  'rexec-link': rexecLink,
  'worker-api': workerApi,
  'worker-journal': workerJournal,
  'worker-link': workerLink,
};
const folder = join(import.meta.dirname, 'golden');
const versions = Array.from(
  { length: protocolVersion - oldestProtocolVersion + 1 },
  (_, at) => oldestProtocolVersion + at,
);

/** Parts of other messages, which those show. */
const onlyParts = new Set([
  ...['jobIdSchema', 'outputDigestSchema', 'outcomeSchema', 'countsSchema', 'holdSchema', 'freezeSchema'],
  ...['drainSchema', 'rampStateSchema', 'deadlockSchema'],
]);

/**
 * Whoever doesn't know a part of these would do something else than was asked: they are read whole or not at all. What a person or a
 * script asks for (`…Request`) is among them.
 */
const closed = [
  /^\w+RequestSchema\b/,
  /\.spec\b/,
  /\.credentials\b/,
  /\.limits\b/,
  /^jobLimitsSchema\b/,
  // The names of states are what there is to know.
  /\.counts$/,
];
/** Members are names there. */
const records = [/\.authPlugins$/, /\.environment$/];

function schemaOf(link: string, name: string): z.ZodType {
  const schema = links[link]![name];
  if (!(schema instanceof z.ZodType)) throw new Error(`${link} has no ${name}`);
  return schema;
}

const samplesOf = (version: number, link: string) =>
  JSON.parse(readFileSync(join(folder, String(version), `${link}.json`), 'utf8')) as Samples;

/** The value's objects by their paths, the value itself first. */
function* objectsOf(value: Json, path: string): Generator<[path: string, object: Record<string, Json>]> {
  if (Array.isArray(value)) {
    for (const each of value) yield* objectsOf(each, path);
  } else if (typeof value === 'object' && value !== null) {
    yield [path, value];
    for (const [name, member] of Object.entries(value)) yield* objectsOf(member, `${path}.${name}`);
  }
}

/** A copy for each of its objects, changed there. */
function* changedIn(
  sample: Json,
  name: string,
  change: (object: Record<string, Json>) => void,
): Generator<[path: string, changed: Json]> {
  const paths = [...objectsOf(sample, name)].map(([path]) => path);
  for (const [at, path] of paths.entries()) {
    const copy = structuredClone(sample);
    change([...objectsOf(copy, name)][at]![1]);
    yield [path, copy];
  }
}

it('every version of the links that is spoken has its golden messages', () => {
  expect(existsSync(join(folder, String(protocolVersion)))).toBe(true);
  for (const version of versions) {
    const files = readdirSync(join(folder, String(version)));
    expect(files.sort()).toEqual(Object.keys(links).map((link) => `${link}.json`));
  }
});

describe.each(Object.keys(links))('the golden messages of %s', (link) => {
  const cases = versions.flatMap((version) =>
    Object.entries(samplesOf(version, link)).map(([name, samples]) => ({ version, name, samples })),
  );

  it.each(cases)('of version $version: $name is read, and is the same', ({ name, samples }) => {
    expect(samples.length).toBeGreaterThan(0);
    for (const sample of samples) expect(schemaOf(link, name).parse(sample)).toEqual(sample);
  });

  it.each(cases)(
    'of version $version: $name is read from a later release, which says more',
    ({ name, samples }) => {
      const schema = schemaOf(link, name);
      for (const sample of samples) {
        for (const [path, changed] of changedIn(sample, name, (object) => {
          object['fromALaterRelease'] = { at: 1 };
        })) {
          const read = schema.safeParse(changed);
          if (closed.some((pattern) => pattern.test(path))) expect(read.success, path).toBe(false);
          else if (!records.some((pattern) => pattern.test(path))) {
            expect(read.error, path).toBeUndefined();
            expect(read.data, path).toEqual(sample);
          }
        }
      }
    },
  );

  it('has every schema of its file, and every kind of each message', () => {
    const samples = samplesOf(protocolVersion, link);
    const names = Object.keys(links[link]!).filter(
      (name) => links[link]![name] instanceof z.ZodType && name.endsWith('Schema') && !onlyParts.has(name),
    );
    expect(Object.keys(samples).sort()).toEqual(names.sort());
    for (const name of names) {
      const schema = schemaOf(link, name);
      if (!(schema instanceof z.ZodDiscriminatedUnion)) continue;
      for (const [at, option] of schema.options.entries()) {
        const has = samples[name]!.some((sample) => (option as z.ZodType).safeParse(sample).success);
        expect(has, `${name}, kind ${at}`).toBe(true);
      }
    }
  });
});

it.each(versions)('a batch of the log, version %i, comes back byte for byte', (version) => {
  for (const sample of samplesOf(version, 'log-batch')['logBatchBodySchema']!) {
    const stored = JSON.stringify(sample);
    expect(Buffer.from(encodeLogBatch(decodeLogBatch(Buffer.from(stored)))).toString()).toBe(stored);
  }
});

describe('two releases', () => {
  it.each([
    [{ protocol: 2, oldestProtocol: 2 }, { protocol: 2 }, 2],
    [{ protocol: 3, oldestProtocol: 2 }, { protocol: 2 }, 2],
    [{ protocol: 3, oldestProtocol: 2 }, { protocol: 3, oldestProtocol: 2 }, 3],
    [{ protocol: 3, oldestProtocol: 2 }, { protocol: 4, oldestProtocol: 3 }, 3],
    [{ protocol: 4, oldestProtocol: 3 }, { protocol: 2 }, undefined],
    [{ protocol: 3 }, { protocol: 2 }, undefined],
  ])('%j and %j speak %s', (one, other, common) => {
    expect(commonVersion(one, other)).toBe(common);
    expect(commonVersion(other, one)).toBe(common);
  });

  it('are named with all versions that they speak', () => {
    expect(showVersions({ protocol: 2 })).toBe('2');
    expect(showVersions({ protocol: 3, oldestProtocol: 2 })).toBe('3 (and 2)');
    expect(showVersions({ protocol: 9, oldestProtocol: 2 })).toBe('9 (and from 2 on)');
  });

  it('speak one another when they are neighbours: no more than one version apart', () => {
    expect(protocolVersion - oldestProtocolVersion).toBeLessThanOrEqual(1);
  });
});
