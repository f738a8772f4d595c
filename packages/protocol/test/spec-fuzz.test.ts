/** Requests and resolved specs, damaged as documents and as texts: parsed or refused, and one digest for one meaning. */
import {
  canonicalDigest,
  canonicalJson,
  jobRequestSchema,
  resolvedSpecSchema,
  specDigest,
} from '@pogo/protocol';
import { type FuzzAnswer, fuzz, type Json, mutateJson, mutateText, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';

const cases = 100_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 3_070_003;

const sealed = {
  command: { kind: 'argv', argv: ['echo', '', ' a b ', '$x;\n', '\u2028é😀'] },
  user: 'ada',
  port: 22,
  auth: { methods: ['publickey', 'password'] },
  hostKeys: {
    policy: 'strict',
    known: [{ hosts: 'web[1-3]', keys: ['ssh-ed25519 AAAA', 'ssh-rsa BBBB=='] }],
  },
  timeouts: { connectMs: 1000, handshakeMs: 2000, commandMs: 3000 },
  environment: { POGO_STAGE: 'blue', POGO_A: '' },
} as const;
const shell = { kind: 'shell', script: 'id -un; exit 3' };
const script = {
  kind: 'script',
  name: 'deploy.sh',
  sha256: '0a'.repeat(32),
  bytes: 4096,
  args: ['--now', ''],
};
const limits = { concurrent: '25%', maxFailures: '3', jobTimeoutMs: 1000 };
const noLimits = { concurrent: null, maxFailures: null, jobTimeoutMs: 86_400_000 };

function thawed(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

const requests: readonly Json[] = [
  { version: 1, namespace: 'default', targets: 'web[1-3]', ...sealed, limits },
  {
    version: 1,
    namespace: 'a-1',
    targets: '@app',
    ...sealed,
    command: shell,
    environment: {},
    limits: noLimits,
  },
  { version: 1, namespace: 'default', targets: 'db1', ...sealed, command: script, runAs: 'root', limits },
  { version: 1, namespace: 'default', targets: 'db1', ...sealed, forwardAgent: true, retries: 3, limits },
].map(thawed);
const resolved = {
  version: 1,
  namespace: 'default',
  submitter: 'ada',
  targets: 'ada@web1:22',
  lifetimeMs: 60_000,
};
const specs: readonly Json[] = [
  { ...resolved, ...sealed },
  { ...resolved, ...sealed, command: shell, environment: {}, hostKeys: { policy: 'accept-new', known: [] } },
  {
    ...resolved,
    ...sealed,
    command: script,
    runAs: 'postgres',
    forwardAgent: true,
    retries: 100,
    surviveDisconnect: { limitMs: 3_600_000 },
  },
].map(thawed);
/** Values of other members: each is right somewhere. */
const tokens = [...requests, ...specs].flatMap((document) => Object.values(document as Record<string, Json>));

interface Document {
  readonly text: string;
  readonly schema: typeof jobRequestSchema | typeof resolvedSpecSchema;
}

function generate(random: SeededRandom): Document {
  const isRequest = random.once(2);
  const corpus = isRequest ? requests : specs;
  const schema = isRequest ? jobRequestSchema : resolvedSpecSchema;
  if (!random.once(4))
    return { schema, text: JSON.stringify(mutateJson(random, { corpus, tokens, changes: 2 })) };
  const texts = corpus.map((document) => JSON.stringify(document));
  const marks = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\u0000',
    '\\ud800',
    'null',
    '1e400',
    '-0',
    '0.1',
    '"__proto__":',
  ];
  return { schema, text: mutateText(random, { corpus: texts, tokens: marks, changes: 2 }) };
}

/** Parsed, or refused with the place; never a throw (that would be a fault of its own). */
function check({ text, schema }: Document): FuzzAnswer {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return 'rejected';
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const { issues } = parsed.error;
    return issues.length > 0 && issues.every(({ message }) => message !== '')
      ? 'rejected'
      : { fault: 'no reason' };
  }
  const digest = canonicalDigest(parsed.data);
  // Nothing is dropped, added or altered: what the client sent is what is sealed and obeyed.
  if (canonicalDigest(document) !== digest) return { fault: 'the parser altered the document' };
  const canonical = canonicalJson(parsed.data);
  const again = schema.safeParse(JSON.parse(canonical));
  if (!again.success) return { fault: 'its own canonical text is refused' };
  if (canonicalJson(again.data) !== canonical) return { fault: 'another canonical text after a round trip' };
  if (canonicalDigest(shuffled(document)) !== digest)
    return { fault: 'the digest depends on the order of members' };
  if ('submitter' in parsed.data && specDigest(parsed.data) !== digest) return { fault: 'two digests' };
  return 'accepted';
}

/** The same document with the members of every object in reverse. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  );
}

const show = ({ text }: Document) => text;

test('every sample is good before it is damaged', () => {
  for (const document of requests)
    expect(check({ text: JSON.stringify(document), schema: jobRequestSchema })).toBe('accepted');
  for (const document of specs)
    expect(check({ text: JSON.stringify(document), schema: resolvedSpecSchema })).toBe('accepted');
});

test(
  `${cases} damaged documents are parsed or refused, and what is parsed has one digest`,
  async () => {
    const report = await fuzz({ name: 'spec', cases, seed, generate, check, show });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 20);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test('the fuzz notices a parser that drops a member, and a digest that depends on the order', async () => {
  const dropping = ({ text, schema }: Document): FuzzAnswer => {
    const answer = check({ text, schema });
    if (answer !== 'accepted') return answer;
    const document = JSON.parse(text) as Record<string, unknown>;
    const { environment: _, ...rest } = document;
    return canonicalDigest(rest) === canonicalDigest(document) ? 'accepted' : { fault: 'dropped' };
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate, check: dropping, show })).rejects.toThrow(
    /case \d+ of seed 3070003: dropped/,
  );
  const ordered = ({ text, schema }: Document): FuzzAnswer => {
    if (check({ text, schema }) !== 'accepted') return 'rejected';
    const document: unknown = JSON.parse(text);
    return JSON.stringify(shuffled(document)) === JSON.stringify(document)
      ? 'accepted'
      : { fault: 'ordered' };
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate, check: ordered, show })).rejects.toThrow(
    /ordered/,
  );
});
