/** What a host can and can't make of the way through sudo, whatever it prints. */
import { afterAll, describe, expect, it } from 'vitest';
import { endScenes, Scene } from './scripted-scene.js';
import type { ScriptedHost } from './scripted-transport.js';

afterAll(endScenes);

const password = 'sudo horse battery';

/** An Ed25519 key as a host shows it. */
const hostKey = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]);

async function opened({ vouched = false } = {}): Promise<{
  scene: Scene;
  host: ScriptedHost;
  nonce: string;
}> {
  const scene = new Scene();
  const keys = vouched ? [`ssh-ed25519 ${hostKey.toString('base64')}`] : [];
  scene.transport.hostKey = hostKey;
  const host = await scene.open({
    changes: {
      runAs: 'root',
      hostKeys: { policy: 'accept-new', known: [{ hosts: 'web[1-3]:22', keys }] },
    },
    credentials: { password: 'x', sudoPassword: password },
  });
  const nonce = /pogo%%([0-9a-f]{32})/.exec(host.written[0] ?? '')![1]!;
  return { scene, host, nonce };
}

/** How often the password was written. */
function sent(host: ScriptedHost): number {
  return host.written.join('').split(password).length - 1;
}

function begun(host: ScriptedHost, nonce: string): void {
  host.say(`pogo-${nonce}-begun\n`);
}

describe('the password for sudo', () => {
  it('is not for whoever repeats what was written, or asks in words of their own', async () => {
    const { scene, host, nonce } = await opened();
    const text = host.written[0]!;
    for (const stream of ['stdout', 'stderr'] as const) {
      host.say(text, stream);
      host.say(`+ exec sudo -k -S -H -p pogo%%${nonce} -u root -- /bin/sh -c ...\n`, stream);
      host.say('[sudo] password for a: \nPassword:\npassword for root: ', stream);
    }
    host.say(`pogo%${nonce}`);
    scene.clock.advance(1000);
    expect(sent(host)).toBe(0);
    expect(host.written).toHaveLength(1);
    // It waits until its time is up, and has said nothing.
    expect(await scene.outcome({ stepMs: 500 })).toMatchObject({
      state: 'unreachable',
      reason: 'channel-refused',
    });
    expect(sent(host)).toBe(0);
  });

  it('is sent once for our own prompt, in however many pieces that comes; a second prompt is a refusal', async () => {
    const { scene, host, nonce } = await opened({ vouched: true });
    begun(host, nonce);
    host.say('We trust you have received the usual lecture.\n', 'stderr');
    for (const letter of `pogo%${nonce}`) {
      expect(sent(host)).toBe(0);
      host.say(letter, 'stderr');
    }
    expect(host.written.slice(1)).toEqual([`${password}\n`]);
    host.say(`\nMy mind is going. I can feel it.\npogo%${nonce}`, 'stderr');
    expect(await scene.outcome()).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-refused' });
    expect(sent(host)).toBe(1);
    expect(host.closed).toBe(true);
  });

  it('is not sent to a host whose key was accepted on first sight, though it asks properly', async () => {
    const { scene, host, nonce } = await opened();
    begun(host, nonce);
    host.say(`pogo%${nonce}`, 'stderr');
    expect(await scene.outcome()).toMatchObject({ state: 'auth-failed', reason: 'host-key-unproven' });
    expect(sent(host)).toBe(0);
  });
});

describe('the way through sudo', () => {
  it('hands over the stub behind one line for the shell to drop, and hears no prompt any more', async () => {
    const { scene, host, nonce } = await opened();
    begun(host, nonce);
    for (const letter of `pogo-${nonce}-ready\n`) host.say(letter);
    await new Promise(setImmediate);
    expect(host.written[1]).toBe('\n');
    expect(host.written).toHaveLength(3);
    host.begin();
    host.say(`pogo%${nonce}`, 'stderr');
    host.say('more', 'stderr');
    host.end();
    expect(await scene.outcome()).toMatchObject({ state: 'succeeded', stderr: { bytes: 5 + 32 + 4 } });
    expect(sent(host)).toBe(0);
  });

  it('is over when its shell writes without end', async () => {
    const { scene, host } = await opened();
    for (let n = 0; n < 20; n++) host.say('x'.repeat(65_536), 'stderr');
    expect(await scene.outcome()).toMatchObject({ state: 'unreachable', reason: 'shell-unusable' });
  });

  it('is over at once when the job is halted', async () => {
    const { scene, host, nonce } = await opened();
    begun(host, nonce);
    scene.job.take({ type: 'halt', kill: true });
    expect(await scene.outcome()).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(host.closed).toBe(true);
  });
});
