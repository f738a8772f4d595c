/** What surrounds the command on a host: what the stub is told, and what its word about a step comes to. */
import { afterAll, describe, expect, it } from 'vitest';
import { endScenes, Scene, type SceneJob } from './scripted-scene.js';

afterAll(endScenes);

/** A host that has just said how its run ended. */
async function endedWith(payload: string, changes: SceneJob['changes'] = {}) {
  const scene = new Scene();
  const host = await scene.open({ changes });
  host.begin();
  host.end(payload);
  return scene.outcome();
}

/** A connection that broke in a pre hook, and a host that is asked what became of it, and answers so. */
async function askedAgain(answer: string) {
  const scene = new Scene();
  const host = await scene.open();
  host.frame('b', 'stderr');
  host.frame('b 4711 1 1,h,10-drain');
  host.closeChannel({ lost: 'reset' });
  const outcome = scene.outcome({ stepMs: 500 });
  const asked = await scene.transport.host(1);
  asked.frame('b', 'stderr');
  asked.frame('b');
  asked.frame(answer);
  asked.frame('q');
  return outcome;
}

describe("the stub's text", () => {
  async function textOf(changes: SceneJob['changes'] = {}): Promise<string> {
    const scene = new Scene();
    const host = await scene.open({ changes });
    const text = host.written.join('');
    host.begin();
    host.end();
    await scene.outcome();
    return text;
  }

  it("has the host's own hooks, unless the job passes them over", async () => {
    const usual = await textOf();
    expect(usual).toContain('/etc/pogo/pre.d');
    expect(usual).toContain('/etc/pogo/post.d');
    const without = await textOf({ hooks: { pre: false, post: false } });
    expect(without).not.toContain('/etc/pogo');
    expect(usual.length - without.length).toBeLessThanOrEqual(1024);
    expect(await textOf({ hooks: { pre: false } })).not.toContain('pre.d');
  });

  it('has the steps of the job, each as one word', async () => {
    const text = await textOf({
      pre: `echo "it's"; $HOME`,
      post: 'after',
      health: { command: 'up "$1"', retries: 7, intervalMs: 2500 },
    });
    expect(text).toContain(`='echo "it'\\''s"; $HOME'`);
    expect(text).toContain(`='after'`);
    expect(text).toMatch(/='up "\$1"' \w+=7 \w+=2500\n/);
  });
});

describe('the end of a step', () => {
  it.each([
    [
      'e 3 0 0 1,h,10-drain ',
      { state: 'failed', reason: 'prehook-failed', step: 'prehook', hook: '10-drain', exitCode: 3 },
      'The pre hook 10-drain on a@web1:22 exited with status 3, so the command did not begin.',
    ],
    [
      'e 3 0 0 1,h,% ',
      { state: 'failed', reason: 'prehook-failed', step: 'prehook' },
      'A pre hook on a@web1:22 exited with status 3, so the command did not begin.',
    ],
    [
      'e 127 0 0 1,b ',
      { state: 'failed', reason: 'pre-failed', step: 'pre', exitCode: 127 },
      'The --pre command on a@web1:22 exited with status 127, so the command did not begin.',
    ],
    [
      'e 137 0 0 1,a Killed',
      { state: 'failed', reason: 'post-failed', step: 'post', signal: 'SIGKILL' },
      'The --post command on a@web1:22 was ended by SIGKILL; the command itself had succeeded.',
    ],
    [
      'e 1 0 0 1,p,90-check ',
      { state: 'failed', reason: 'posthook-failed', step: 'posthook', hook: '90-check' },
      'The post hook 90-check on a@web1:22 exited with status 1; the command itself had succeeded.',
    ],
    [
      'e 1 0 0 1,g ',
      { state: 'failed', reason: 'health-failed', step: 'health', exitCode: 1 },
      'The health check on a@web1:22 exited with status 1; the command itself had succeeded.',
    ],
    [
      'e 143 1 0 1,h,10-drain Terminated',
      { state: 'timed-out', reason: 'step-timeout', step: 'prehook', hook: '10-drain' },
      'The pre hook 10-drain on a@web1:22 ran longer than 60 s and was killed, so the command did not begin.',
    ],
    [
      'e 143 9 0 1,g Terminated',
      { state: 'unknown', reason: 'kill-unconfirmed', step: 'health' },
      'a@web1:22 ended the health check (its time limit has passed) but could not confirm that nothing of it is left.',
    ],
  ])('%j', async (payload, outcome, message) => {
    const got = await endedWith(payload);
    expect(got).toMatchObject(outcome);
    expect(got.message).toBe(message);
  });

  it('of the command itself names no step', async () => {
    for (const payload of ['e 0 0 0 1 ', 'e 3 0 0 1 ']) {
      const outcome = await endedWith(payload);
      expect(outcome).not.toHaveProperty('step');
      expect(outcome).not.toHaveProperty('hook');
    }
  });

  it('is fetched from the host, with its step, when the connection broke', async () => {
    const outcome = await askedAgain('o 1 1 1 20000/4711 1 ,h,10-drain/143 4 0 1,h,10-drain Terminated');
    expect(outcome).toMatchObject({
      state: 'killed',
      reason: 'connection-closed',
      step: 'prehook',
      hook: '10-drain',
    });
  });

  it('that nobody wrote down is no evidence that the command did not begin', async () => {
    const got = await askedAgain('o 1 1 1 20000/4711 1 ,h,10-drain/');
    expect(got).toMatchObject({ state: 'killed', reason: 'stub-stopped' });
    expect(got.message).toContain('The pre hook 10-drain on a@web1:22 is over');
    expect(got).not.toHaveProperty('step');
  });
});

describe('time', () => {
  it('is each step’s own: only one that says nothing for too long is given up', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.frame('b', 'stderr');
    host.frame('b 4711 1 1,h,10-drain');
    for (const frame of ['p,h,20-more', 'p', 'p,g', 'p,g']) {
      scene.clock.advance(90_000);
      host.frame(frame);
    }
    expect(scene.reports.map(({ event }) => event)).not.toContain('finished');
    scene.clock.advance(95_000);
    expect(await scene.unknownOutcome()).toMatchObject({ state: 'unknown', reason: 'kill-unconfirmed' });
  });

  it('passes between two steps as well: a kill is asked for again until the host has said how it ended', async () => {
    const scene = new Scene();
    const host = await scene.open();
    host.begin();
    scene.job.take({ type: 'halt', kill: true });
    scene.clock.advance(10_000);
    scene.clock.advance(10_000);
    expect(host.written.filter((text) => text === 't\n')).toHaveLength(3);
    host.end('e 143 2 0 1,g Terminated');
    expect(await scene.outcome()).toMatchObject({ state: 'killed', reason: 'halt-kill', step: 'health' });
  });
});
