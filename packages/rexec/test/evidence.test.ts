/** Which evidence makes which outcome, with hosts that act by script and a clock that is turned by hand. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Outcome } from '@pogo/core';
import { createTemporaryDirectory } from '@pogo/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { endScenes, Scene } from './scripted-scene.js';

afterAll(endScenes);

describe('what the stub says', () => {
  const cases: [string, string, Partial<Outcome>][] = [
    ['exit 0', 'e 0 0 0 1 ', { state: 'succeeded', exitCode: 0 }],
    ['exit 7', 'e 7 0 0 1 ', { state: 'failed', reason: 'exit-nonzero', exitCode: 7 }],
    ['a signal', 'e 137 0 0 1 Killed', { state: 'failed', reason: 'signal', signal: 'SIGKILL' }],
    ['a timeout', 'e 143 1 0 1 Terminated', { state: 'timed-out', reason: 'command-timeout' }],
    ['a timeout, not confirmed', 'e 143 9 0 1 Terminated', { state: 'unknown', reason: 'kill-unconfirmed' }],
    [
      'a closed connection, as the command ended',
      'e 0 4 0 1 Terminated',
      {
        state: 'killed',
        reason: 'connection-closed',
        exitCode: 0,
        message: expect.stringContaining('ended with status 0 while it was being killed') as string,
      },
    ],
    ['silence', 'e 143 5 0 1 Terminated', { state: 'killed', reason: 'connection-closed' }],
    ['a closed connection', 'e 143 4 0 1 Terminated', { state: 'killed', reason: 'connection-closed' }],
    ['no timer on the host', 'e 137 7 0 1 Killed', { state: 'killed', reason: 'stub-stopped' }],
    ['an end that it does not know', 'e - 6', { state: 'killed', reason: 'stub-stopped' }],
    [
      'an end that it does not know, not confirmed',
      'e - 14',
      { state: 'unknown', reason: 'kill-unconfirmed' },
    ],
  ];
  it.each(cases)('of %s makes the outcome', async (_name, payload, expected) => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    host.say('out');
    host.say('problem', 'stderr');
    host.end(payload);
    const outcome = await scene.outcome();
    expect(outcome).toMatchObject(expected);
    expect(outcome.stdout?.bytes).toBe(3);
    expect(outcome.stderr?.bytes).toBe(7);
    expect(host.closed).toBe(true);
    expect(scene.reports.map(({ event }) => event)).toEqual(['started', 'finished']);
  });

  it('that makes no sense: unknown', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    host.end('e lots');
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'stub-protocol' });
    expect(host.closed).toBe(true);
  });

  it('after a halt with --kill: killed, if it confirms', async () => {
    for (const [payload, state] of [
      ['e 143 2 0 1 Terminated', 'killed'],
      ['e 143 10 0 1 Terminated', 'unknown'],
      ['e 0 0 0 1 ', 'succeeded'],
    ] as const) {
      const scene = new Scene();
      const host = await scene.open();
      host.begin();
      scene.job.take({ type: 'halt', kill: true });
      expect(host.written.slice(1)).toEqual(['t\n']);
      host.end(payload);
      expect((await scene.outcome()).state).toBe(state);
    }
  });

  it('comes late: a halt that finds the stub not ready is sent as soon as it is', async () => {
    const scene = new Scene();
    const host = await scene.open();
    scene.job.take({ type: 'halt', kill: true });
    expect(host.written).toHaveLength(1);
    host.begin();
    expect(host.written.slice(1)).toEqual(['t\n']);
    host.end('e 143 2 0 1 Terminated');
    expect((await scene.outcome()).reason).toBe('halt-kill');
  });
});

describe('what the channel says', () => {
  it('when it closes before the stub began: the shell could not', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.say('no shell for \x1b[31myou\r\n', 'stderr');
    host.closeChannel({ exitCode: 1 });
    expect(await scene.outcome()).toMatchObject({
      state: 'unreachable',
      reason: 'shell-unusable',
      message:
        'The login shell at a@web1:22 exited with status 1 without running the command, and said: no shell for \\x1b[31myou.',
    });
  });

  it('when it closes after the stub began, without its last word: unknown', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    host.closeChannel({ signal: 'SIGKILL' });
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'stub-protocol' });
  });

  it('when the connection breaks: unknown from the moment in which the command was handed over', async () => {
    for (const begun of [false, true]) {
      const scene = new Scene();
      const host = await scene.open();
      if (begun) host.begin();
      host.closeChannel({ lost: 'Keepalive timeout' });
      expect(await scene.unknownOutcome()).toMatchObject({
        state: 'unknown',
        reason: 'connection-lost',
        message:
          'The connection to a@web1:22 broke while the command may have been running: Keepalive timeout. ' +
          'Asked again: a@web1:22 cannot be reached: no route to host.',
      });
    }
  });

  it('when the connection breaks before that: the command never began', async () => {
    const scene = new Scene();
    scene.transport.onExec = (host, handlers) => {
      host.exec(handlers);
      return Promise.resolve({ ok: false, kind: 'lost', detail: 'read ECONNRESET' });
    };
    await scene.open();
    expect(await scene.outcome()).toMatchObject({ state: 'unreachable', reason: 'connection-broken' });
  });
});

describe('silence', () => {
  it('instead of a session: the command never began', async () => {
    const scene = new Scene();
    scene.transport.onExec = (host, handlers) => {
      host.exec(handlers);
      return new Promise(() => {});
    };
    const host = await scene.open();
    scene.clock.advance(2000);
    expect(await scene.outcome()).toMatchObject({ state: 'unreachable', reason: 'channel-refused' });
    expect(host.closed).toBe(true);
  });

  it('after the handing over: unknown, and the connection is closed', async () => {
    const scene = new Scene();
    const host = await scene.open();
    scene.clock.advance(2000);
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'start-unconfirmed' });
    expect(host.closed).toBe(true);
  });

  it('beyond the time limit: unknown, thirty seconds after the stub should have ended it', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.clock.advance(60_000 + 5000 + 29_999);
    expect(scene.reports.map(({ event }) => event)).toEqual(['started']);
    scene.clock.advance(1);
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'kill-unconfirmed' });
  });

  it('after a halt with --kill: unknown', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.job.take({ type: 'halt', kill: true });
    scene.clock.advance(5000 + 30_000);
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'kill-unconfirmed' });
    expect(host.closed).toBe(true);
  });

  it('is never on our side: the stub hears of us every ten seconds, once it is ready', async () => {
    const scene = new Scene();
    const host = await scene.open();
    scene.clock.advance(1000);
    host.begin();
    scene.clock.advance(30_000);
    expect(host.written.slice(1)).toEqual(['h\n', 'h\n', 'h\n']);
    host.end();
    await scene.outcome();
    scene.clock.advance(20_000);
    expect(host.written.slice(4)).toEqual(['a\n']);
    expect(scene.clock.pendingTimers).toBe(0);
  });
});

describe('output', () => {
  it('stops at the host while the pipe to the worker is full, and goes on after', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.full = true;
    host.say('a'.repeat(70_000));
    expect(host.paused).toBe(true);
    expect(scene.frames.map(({ offset, data }) => [offset, data.length])).toEqual([
      [0, 65_536],
      [65_536, 4464],
    ]);
    host.say('what was on its way');
    scene.full = false;
    scene.drain();
    await Promise.resolve();
    expect(host.paused).toBe(false);
    host.end();
    expect((await scene.outcome()).stdout?.bytes).toBe(70_019);
  });
});

describe('a job', () => {
  it('ends when it is closed and its last attempt is over, and reports before it does', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.job.take({ type: 'close' });
    host.end();
    await scene.outcome();
    await scene.job.ended;
    expect(scene.reports.at(-1)).toMatchObject({ event: 'finished', outcome: { state: 'succeeded' } });
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('keeps a connection until its result is recorded, and for half a minute without that', async () => {
    const scene = new Scene({ records: false });
    const host = await scene.open();
    host.begin();
    host.end();
    await scene.outcome();
    scene.job.take({ type: 'close' });
    expect(host.closed).toBe(false);
    scene.clock.advance(29_999);
    expect(host.closed).toBe(false);
    scene.clock.advance(1);
    await scene.job.ended;
    expect(host.closed).toBe(true);
    // Without a word of ours: the host keeps its own.
    expect(host.written).toHaveLength(1);
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('lets go of every connection when the worker is gone', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.job.abandon();
    await scene.job.ended;
    expect(host.closed).toBe(true);
    expect(scene.reports).toEqual([]);
  });
});

describe('a script', () => {
  const content = '#!/bin/sh\necho done\n';
  const command = {
    kind: 'script' as const,
    name: 'work.sh',
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: content.length,
    args: [],
  };

  async function asked(scene: Scene) {
    const directory = createTemporaryDirectory();
    writeFileSync(directory.file('script'), content);
    const host = await scene.open({ changes: { command }, scriptFile: directory.file('script') });
    return { host, directory };
  }

  it('is the next that the stub hears: no line of ours may cross its request and become a part of it', async () => {
    const scene = new Scene();
    const { host, directory } = await asked(scene);
    host.frame('b', 'stderr');
    host.frame('b');
    scene.clock.advance(15_000);
    expect(host.written).toHaveLength(1);
    host.frame('r 0');
    while (host.written.length < 2) await new Promise(setImmediate);
    scene.clock.advance(15_000);
    expect(host.written.slice(1).join('')).toBe(content);
    host.frame('v');
    scene.clock.advance(15_000);
    expect(host.written.slice(1).join('')).toBe(`${content}h\n`);
    host.frame('s 4711 1 1');
    host.end();
    expect((await scene.outcome()).state).toBe('succeeded');
    directory.remove();
  });

  it('is not sent to a host that is halted meanwhile, nor is anything else', async () => {
    const scene = new Scene();
    const { host, directory } = await asked(scene);
    host.frame('b', 'stderr');
    host.frame('b');
    scene.job.take({ type: 'halt', kill: true });
    expect(await scene.outcome()).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(host.written).toHaveLength(1);
    expect(host.closed).toBe(true);
    directory.remove();
  });
});
