/** The parser's invariants F1 to F5, on streams made by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StubEvent, createStubParser } from '@pogo/stub';

const nonce = '0123456789abcdef';

function frame(payload: string, ofNonce = nonce): string {
  return `\x1epogo-${ofNonce} ${payload}\n`;
}

interface Piece {
  stream: 'stdout' | 'stderr';
  bytes: Buffer;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** All events, with finish; neighbouring data of one stream joined. */
function parse(pieces: readonly Piece[]): StubEvent[] {
  const parser = createStubParser({ nonce });
  const events = pieces.flatMap((piece) => parser[piece.stream](piece.bytes));
  return [...events, ...parser.finish()];
}

/** What must not depend on how the streams were split and interleaved: each stream's own events, and how it all ended. */
function essence(events: readonly StubEvent[]) {
  const of = (stream: 'stdout' | 'stderr') => ({
    data: Buffer.concat(events.flatMap((event) => (event.kind === stream ? [event.bytes] : []))).toString(
      'latin1',
    ),
    noise: events.flatMap((event) =>
      event.kind === 'noise' && event.stream === stream
        ? [{ bytes: Buffer.from(event.bytes).toString('latin1'), droppedBytes: event.droppedBytes }]
        : [],
    ),
  });
  return {
    stdout: of('stdout'),
    stderr: of('stderr'),
    control: events.filter(({ kind }) => ['ready', 'started', 'ended', 'protocol-error'].includes(kind)),
  };
}

const began = { stdout: frame('b 42 1'), stderr: frame('b') };
const end = { stdout: frame('e 0 0 0 1 '), stderr: frame('e') };

const exited0 = {
  kind: 'ended',
  exit: { kind: 'exited', exitCode: 0, ambiguous: false },
  timedOut: false,
  killed: false,
  killConfirmed: false,
  leftovers: false,
};

/** Output made to be mistaken for frames: record separators, beginnings of the marker, frames of other nonces. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\x1e',
        '\n',
        `\x1epogo-${nonce}`,
        `\x1epogo-${nonce.slice(0, 9)}`,
        frame('e 0 0 0 1 ', 'fedcba9876543210'),
        `pogo-${nonce} e\n`,
        '\x1epogo-\x1epogo-',
        'plain output\n',
      ),
      fc.uint8Array({ maxLength: 20 }).map((some) => Buffer.from(some).toString('latin1')),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))
  .filter((text) => !text.includes(`\x1epogo-${nonce} `));

/** Cuts of one stream, as fractions of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });

function split(stream: Piece['stream'], text: string, fractions: readonly number[]): Piece[] {
  const whole = bytes(text);
  const at = [
    0,
    ...fractions.map((fraction) => Math.round(fraction * whole.length)).sort((a, b) => a - b),
    whole.length,
  ];
  return at.slice(1).map((to, index) => ({ stream, bytes: whole.subarray(at[index], to) }));
}

function interleave(first: Piece[], second: Piece[], order: readonly boolean[]): Piece[] {
  const [left, right] = [[...first], [...second]];
  const pieces: Piece[] = [];
  for (const takeLeft of order) {
    const next = (takeLeft ? left : right).shift();
    if (next) pieces.push(next);
  }
  return [...pieces, ...left, ...right];
}

describe('a whole run', () => {
  it('gives the same events however its streams are split and interleaved, and loses no byte (F1, F2, F3)', () => {
    fc.assert(
      fc.property(
        hostile,
        hostile,
        hostile,
        hostile,
        hostile,
        cuts,
        cuts,
        fc.array(fc.boolean(), { maxLength: 60 }),
        (noise, noiseOnStderr, out, err, after, cutsOut, cutsErr, order) => {
          const stdout = noise + began.stdout + out + end.stdout + after;
          const stderr = noiseOnStderr + began.stderr + err + end.stderr + after;
          const events = parse(
            interleave(split('stdout', stdout, cutsOut), split('stderr', stderr, cutsErr), order),
          );
          const noiseOf = (text: string) => (text === '' ? [] : [{ bytes: text, droppedBytes: 0 }]);
          expect(essence(events)).toEqual({
            stdout: { data: out, noise: noiseOf(noise) },
            stderr: { data: err, noise: noiseOf(noiseOnStderr) },
            control: [
              { kind: 'ready' },
              { kind: 'started', pid: 42, ownSession: true, lock: 'none' },
              exited0,
            ],
          });
          expect(events.at(-1)?.kind).toBe('ended');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('any bytes at all, split in any way, give the same events (F1)', () => {
    const anything = fc
      .array(
        fc.oneof(
          hostile,
          fc.constantFrom(
            began.stdout,
            began.stderr,
            end.stdout,
            end.stderr,
            frame('s 7 '),
            frame('x'),
            frame('e - 12'),
          ),
          fc.constant(`\x1epogo-${nonce} ${'long '.repeat(120)}`),
        ),
        { maxLength: 8 },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(anything, anything, cuts, cuts, (stdout, stderr, cutsOut, cutsErr) => {
        const whole = parse([
          { stream: 'stdout', bytes: bytes(stdout) },
          { stream: 'stderr', bytes: bytes(stderr) },
        ]);
        const pieces = parse([...split('stdout', stdout, cutsOut), ...split('stderr', stderr, cutsErr)]);
        expect(essence(pieces)).toEqual(essence(whole));
        const last = whole.at(-1)?.kind;
        expect(last === 'ended' || last === 'protocol-error').toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('a stream whose end frame overtakes the other waits for it (F3)', () => {
    const parser = createStubParser({ nonce });
    expect(parser.stdout(bytes(began.stdout + 'out' + end.stdout)).map(({ kind }) => kind)).toEqual([
      'ready',
      'started',
      'stdout',
    ]);
    expect(parser.stderr(bytes(began.stderr + 'late'))).toMatchObject([{ kind: 'stderr' }]);
    expect(parser.stdout(bytes('a daemon'))).toEqual([]);
    expect(parser.stderr(bytes(' output' + end.stderr + 'a daemon')).map(({ kind }) => kind)).toEqual([
      'stderr',
      'ended',
    ]);
    expect(parser.stderr(bytes('a daemon'))).toEqual([]);
    expect(parser.finish()).toEqual([]);
  });

  it('data is passed on as a view of its chunk (F5)', () => {
    const parser = createStubParser({ nonce });
    parser.stdout(bytes(began.stdout));
    const chunk = bytes('x'.repeat(65_536));
    const [event] = parser.stdout(chunk);
    expect(event).toMatchObject({ kind: 'stdout' });
    expect((event as { bytes: Uint8Array }).bytes.buffer).toBe(chunk.buffer);
  });

  it('a marker that is late to be completed holds nothing else back', () => {
    const parser = createStubParser({ nonce });
    parser.stdout(bytes(began.stdout));
    const [event] = parser.stdout(bytes(`all of this\x1epogo-${nonce.slice(0, 4)}`));
    expect(Buffer.from((event as { bytes: Uint8Array }).bytes).toString()).toBe('all of this');
    const rest = parser.stdout(bytes('!'));
    expect(essence(rest).stdout.data).toBe(`\x1epogo-${nonce.slice(0, 4)}!`);
  });
});

describe('how a command ended', () => {
  const ended = (payload: string) =>
    parse([
      { stream: 'stdout', bytes: bytes(began.stdout + frame(payload)) },
      { stream: 'stderr', bytes: bytes(began.stderr + end.stderr) },
    ]).at(-1);

  it.each([
    ['e 137 0 0 1 Killed', { kind: 'signalled', signal: 'SIGKILL' }],
    ['e 137 0 0 1 ', { kind: 'exited', exitCode: 137, ambiguous: false }],
    [
      'e 139 0 0 12 sh: line 1: 42 Segmentation fault (core dumped)',
      { kind: 'signalled', signal: 'SIGSEGV' },
    ],
    ['e 141 0 0 1 ', { kind: 'exited', exitCode: 141, ambiguous: true }],
    ['e 143 0 0 12 ', { kind: 'exited', exitCode: 143, ambiguous: true }],
    ['e 143 0 0 1 ', { kind: 'exited', exitCode: 143, ambiguous: false }],
    ['e 265 0 0 0 ', { kind: 'signalled', signal: 'SIGKILL' }],
    ['e 137 0 0 0 ', { kind: 'exited', exitCode: 137, ambiguous: true }],
    ['e 255 0 0 0 ', { kind: 'exited', exitCode: 255, ambiguous: false }],
    ['e 1 0 0 1 noise', { kind: 'exited', exitCode: 1, ambiguous: false }],
    ['e 165 0 0 1 Real-time signal 3', { kind: 'signalled', signal: 'SIG37' }],
  ])('%j', (payload, exit) => {
    expect(ended(payload)).toMatchObject({ kind: 'ended', exit, killed: false });
  });

  it.each([
    [
      'e 143 1 0 1 Terminated',
      { stopCause: 'timeout', timedOut: true, killed: true, killConfirmed: true, leftovers: false },
    ],
    [
      'e 143 9 0 1 Terminated',
      { stopCause: 'timeout', timedOut: true, killed: true, killConfirmed: false, leftovers: true },
    ],
    ['e 137 3 0 1 Killed', { stopCause: 'kill', timedOut: false, killed: true, killConfirmed: true }],
    ['e - 4', { exit: { kind: 'unknown' }, stopCause: 'closed', killConfirmed: true }],
    ['e - 13', { exit: { kind: 'unknown' }, stopCause: 'silence', killConfirmed: false, leftovers: true }],
    ['e 0 140 1 1 ', { killed: false, leftovers: true }],
  ])('%j', (payload, expected) => {
    expect(ended(payload)).toMatchObject({ kind: 'ended', ...expected });
  });
});

describe('the steps of a run', () => {
  const kinds = (...payloads: string[]) =>
    parse([{ stream: 'stdout', bytes: bytes(payloads.map((payload) => frame(payload)).join('')) }]).filter(
      ({ kind }) => ['started', 'step', 'protocol-error'].includes(kind),
    );

  it('are told as they begin, with the name of a hook where it has a plain one', () => {
    expect(
      kinds('b 42 1 1,h,10-drain.sh', 'p,h,%', 'p,b', 'p', 'p,a', 'p,p,x', 'p,g').slice(0, -1),
    ).toMatchObject([
      { kind: 'started', pid: 42, lock: 'held', step: { kind: 'prehook', hook: '10-drain.sh' } },
      { kind: 'step', step: { kind: 'prehook' } },
      { kind: 'step', step: { kind: 'pre' } },
      { kind: 'step' },
      { kind: 'step', step: { kind: 'post' } },
      { kind: 'step', step: { kind: 'posthook', hook: 'x' } },
      { kind: 'step', step: { kind: 'health' } },
    ]);
  });

  it.each([
    ['before the beginning', ['b', 'p,g']],
    ['of a kind that is none', ['b 42 1', 'p,z']],
    ['with a hook whose name is none', ['b 42 1', 'p,h,a b']],
  ])('a step %s makes no sense', (_, payloads) => {
    expect(kinds(...payloads).at(-1)).toMatchObject({ kind: 'protocol-error', code: 'malformed-frame' });
  });

  it.each([
    ['e 7 0 0 1,h,10-drain ', { kind: 'prehook', hook: '10-drain' }],
    ['e 137 1 0 12,g Killed', { kind: 'health' }],
    ['e - 4 0 1,p,% ', { kind: 'posthook' }],
    ['e - 4 0 12,b,x Killed', { kind: 'pre', hook: 'x' }],
  ])('%j names the step that the run ended in', (payload, step) => {
    const events = parse([
      { stream: 'stdout', bytes: bytes(began.stdout + frame(payload)) },
      { stream: 'stderr', bytes: bytes(began.stderr + end.stderr) },
    ]);
    expect(events.at(-1)).toMatchObject({ kind: 'ended' });
    expect(events.at(-1)).toHaveProperty('step', step);
  });

  it.each([
    ['o 7 12 1 20000/42 99 ,h,10-drain/7 0 0 1,h,10-drain ', { kind: 'prehook', hook: '10-drain' }],
    ['o 7 12 1 20000/42 99 ,g/', { kind: 'health' }],
    ['o 7 12 1 20000/42 99/', undefined],
  ])('%j is what an attempt left in a step', (payload, step) => {
    const events = parse([{ stream: 'stdout', bytes: bytes(frame('b') + frame(payload)) }]);
    const settled = events.find(({ kind }) => kind === 'settled');
    expect(settled?.kind === 'settled' && settled.ended?.step).toEqual(step);
  });
});

describe('streams that are no run of ours', () => {
  const codes = (stdout: string, stderr = '') =>
    parse([
      { stream: 'stdout', bytes: bytes(stdout) },
      { stream: 'stderr', bytes: bytes(stderr) },
    ]).flatMap((event) => (event.kind === 'protocol-error' ? [event.code] : []));

  it.each([
    ['nothing at all', '', '', 'never-ready'],
    ['a banner only', 'not available\n', '', 'never-ready'],
    ['stderr alone began', '', began.stderr, 'never-ready'],
    ['a cut after the beginning', began.stdout + 'output', began.stderr, 'cut'],
    ['a cut end frame', began.stdout + end.stdout.slice(0, -3), began.stderr + end.stderr, 'cut'],
    ['an end on one stream only', began.stdout + end.stdout, began.stderr, 'cut'],
    ['an end before a beginning', end.stdout, '', 'malformed-frame'],
    ['two beginnings', began.stdout + began.stdout, '', 'malformed-frame'],
    ['a start on stderr', '', frame('b 42 1'), 'malformed-frame'],
    ['an end of stdout on stderr', '', began.stderr + end.stdout, 'malformed-frame'],
    ['an end of stderr on stdout', began.stdout + end.stderr, '', 'malformed-frame'],
    ['an unknown frame', began.stdout + frame('e 0'), '', 'malformed-frame'],
    ['a frame without an end', began.stdout + frame('e 0 0 0 1 ' + 'x'.repeat(600)), '', 'malformed-frame'],
    ['endless noise', 'y\n'.repeat(600_000), '', 'too-much-noise'],
  ])('%s', (_, stdout, stderr, code) => {
    expect(codes(stdout, stderr)).toEqual([code]);
  });

  it("a cut frame is nobody's output, and less than a marker is", () => {
    const cutFrame = parse([
      { stream: 'stdout', bytes: bytes(`${began.stdout}out${end.stdout.slice(0, -1)}`) },
    ]);
    expect(essence(cutFrame).stdout.data).toBe('out');
    const cutMarker = parse([{ stream: 'stdout', bytes: bytes(`${began.stdout}out\x1epogo-0`) }]);
    expect(essence(cutMarker).stdout.data).toBe('out\x1epogo-0');
  });

  it('of long noise the beginning is kept and the rest counted (F4)', () => {
    const events = parse([{ stream: 'stdout', bytes: bytes('z'.repeat(10_000) + began.stdout) }]);
    expect(events[0]).toMatchObject({ kind: 'noise', stream: 'stdout', droppedBytes: 10_000 - 4096 });
    expect((events[0] as { bytes: Uint8Array }).bytes.length).toBe(4096);
  });
});
