import { type AddressInfo, createServer, type Server } from 'node:net';
import { ManualClock } from '@pogo/lifecycle';
import { Secret } from '@pogo/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { Dispatcher } from '../src/api/dispatcher.js';
import { json, problem } from './support/answers.js';
import { newInstance } from './support/certificates.js';
import { ScriptedDispatcher, type ScriptedDispatcherOptions } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
/** The machine may be. */
const slow = { timeout: 20_000 };
const job = 'p0000000012';
const document = {
  id: job,
  state: 'running',
  title: 'a title',
  submitter: 'me',
  namespace: 'default',
  digest: `sha256:${'0'.repeat(64)}`,
  hosts: 1,
  counts: {},
  limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 1000 },
  acceptedAtMs: 1,
};
const affected = { job: document, affected: 'web1', affectedHosts: 1 };

const started: ScriptedDispatcher[] = [];
const silent: Server[] = [];
const clients: Dispatcher[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const dispatcher of started.splice(0)) await dispatcher.stop();
  for (const server of silent.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function dispatcher(intercept: ScriptedDispatcherOptions['intercept'], of = instance) {
  const scripted = new ScriptedDispatcher({ instance: of, token, ...(intercept && { intercept }) });
  started.push(scripted);
  await scripted.start();
  return scripted;
}

/** One that does what it is asked. */
const answering = () =>
  dispatcher(({ method, path }, response) => {
    if (path.endsWith('/events')) response.writeHead(200).write('\n');
    else json(response, 200, method === 'GET' ? document : affected);
    return true;
  });

/** One that refuses the first so many requests with a problem. */
async function unable(code: string, times = Infinity) {
  let left = times;
  return dispatcher((_request, response) => {
    if (left-- > 0) problem(response, code === 'leader-broke-off' ? 502 : 503, code, `It says ${code}.`);
    else json(response, 200, document);
    return true;
  });
}

/** One that breaks the connection of each request once it has it. */
const breaking = () =>
  dispatcher((_request, response) => {
    response.destroy();
    return true;
  });

async function refusing() {
  const gone = await dispatcher(undefined);
  gone.refuse();
  return gone;
}

function clientOf(dispatchers: readonly { url: string }[], clock = new ManualClock()) {
  const [url = '', ...others] = dispatchers.map((one) => one.url);
  const { certificate } = instance.linkRoot;
  const profile = { version: 1 as const, url, others, linkRoot: certificate, sealingRoot: '' };
  const client = new Dispatcher({ profile, token: new Secret(token) }, { clock, random: () => 0 });
  clients.push(client);
  return client;
}

const askedOf = ({ requests }: ScriptedDispatcher) => requests.map(({ method, path }) => `${method} ${path}`);

describe('a list of dispatchers', () => {
  it('is asked in its order, past those that refuse the connection, and then from the one that answered', async () => {
    const [gone, first, second] = [await refusing(), await answering(), await answering()];
    const asked = clientOf([gone, first, second]);
    expect(await asked.job(job)).toMatchObject({ ok: true });
    expect(asked.url).toBe(first.url);
    first.die();
    expect(await asked.job(job)).toMatchObject({ ok: true });
    expect(await asked.job(job)).toMatchObject({ ok: true });
    expect(asked.url).toBe(second.url);
    expect([first, second].map(({ requests }) => requests.length)).toEqual([1, 2]);
  });

  it('is asked past one that takes connections and says nothing, after two seconds', async () => {
    const clock = new ManualClock();
    const server = createServer((socket) => socket.on('error', () => undefined));
    const accepted = new Promise((resolve) => server.once('connection', resolve));
    silent.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const mute = { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const second = await answering();
    const asking = clientOf([mute, second], clock).job(job);
    await accepted;
    clock.advance(1999);
    expect(second.requests).toEqual([]);
    clock.advance(1);
    expect(await asking).toMatchObject({ ok: true });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is asked past one whose certificate is not of the pinned root, which is sent nothing', async () => {
    const stranger = await dispatcher(undefined, newInstance());
    const second = await answering();
    expect(await clientOf([stranger, second]).job(job)).toMatchObject({ ok: true });
    expect(stranger.requests).toEqual([]);
    expect(await clientOf([stranger, stranger]).job(job)).toMatchObject({
      failure: { code: 'dispatcher-untrusted' },
    });
  });

  it.each(['not-ready', 'store-unavailable'])(
    'is asked past one that says %s, and again after a while when all do',
    async (code) => {
      const clock = new ManualClock();
      const [first, second] = [await unable(code), await unable(code, 2)];
      const asking = clientOf([first, second], clock).job(job);
      for (let round = 1; round <= 2; round++) {
        await expect.poll(() => second.requests.length, slow).toBe(round);
        await expect.poll(() => clock.pendingTimers, slow).toBe(1);
        clock.advance(2000);
      }
      expect(await asking).toMatchObject({ ok: true });
      expect([first, second].map(({ requests }) => requests.length)).toEqual([3, 3]);
    },
  );

  it('is given up after a while, and the failure names each of them with its reason', async () => {
    const clock = new ManualClock();
    const [gone, second] = [await refusing(), await unable('not-ready')];
    const asking = clientOf([gone, second], clock).job(job);
    await expect.poll(() => second.requests.length, slow).toBe(1);
    await expect.poll(() => clock.pendingTimers, slow).toBe(1);
    clock.advance(31_000);
    const failed = await asking;
    expect(second.requests).toHaveLength(2);
    expect(failed).toMatchObject({ ok: false, failure: { code: 'not-ready', exitCode: 1 } });
    const message = failed.ok ? '' : failed.failure.message;
    expect(message).toContain(`\n  ${gone.url}: it refused the connection\n`);
    expect(message).toContain(`\n  ${second.url}: It says not-ready.`);
  });

  it('is asked again for what may be done twice when a connection breaks after the request was sent', async () => {
    const [first, second] = [await breaking(), await answering()];
    expect(await clientOf([first, second]).act(job, 'hold', {})).toMatchObject({ ok: true });
    expect(askedOf(first)).toEqual([`POST /v1/jobs/${job}/hold`]);
    expect(askedOf(second)).toEqual([`POST /v1/jobs/${job}/hold`]);
  });

  it('is not asked again for what may not be done twice, and the failure says that it may have been done', async () => {
    const [first, second] = [await breaking(), await answering()];
    expect(await clientOf([first, second]).act(job, 'retry', {})).toMatchObject({
      ok: false,
      failure: {
        code: 'dispatcher-unreachable',
        message: expect.stringContaining('may have been done or not') as string,
      },
    });
    for (const code of ['store-unavailable', 'leader-broke-off']) {
      const uncertain = await unable(code);
      expect(await clientOf([uncertain, second]).act(job, 'retry', {})).toMatchObject({ failure: { code } });
    }
    expect(second.requests).toEqual([]);
  });

  it('is asked past those that surely did nothing for what may not be done twice', async () => {
    const dispatchers = [await refusing(), await unable('not-ready'), await unable('not-ready')];
    const last = await answering();
    expect(await clientOf([...dispatchers, last]).act(job, 'retry', {})).toMatchObject({ ok: true });
    expect(askedOf(last)).toEqual([`POST /v1/jobs/${job}/retry`]);
  });

  it('asks another one to have seen of a job what the one before had seen', async () => {
    const seeing = (index: number) =>
      dispatcher((_request, response) => {
        response.setHeader('pogo-log-index', index).setHeader('location', `/v1/jobs/${job}`);
        json(response, 200, document);
        return true;
      });
    const [first, second, third] = [await seeing(7), await seeing(9), await seeing(9)];
    const asked = clientOf([first, second, third]);
    await asked.submit({} as never, 'key');
    await asked.job(job);
    first.die();
    await asked.job(job);
    await asked.hosts(job, { limit: 1 });
    second.die();
    await asked.job(job);
    await asked.job('p0000000013');
    expect([first, second, third].flatMap(askedOf)).toEqual([
      'POST /v1/jobs',
      `GET /v1/jobs/${job}`,
      `GET /v1/jobs/${job}?min-index=7`,
      `GET /v1/jobs/${job}/hosts?limit=1`,
      `GET /v1/jobs/${job}?min-index=9`,
      'GET /v1/jobs/p0000000013',
    ]);
  });

  it('is asked past one that takes a stream for one, and does not begin to answer within twenty seconds', async () => {
    const clock = new ManualClock();
    let isMute = false;
    const mute = await dispatcher((_request, response) => {
      if (!isMute) json(response, 200, document);
      return true;
    });
    const second = await answering();
    const asked = clientOf([mute, second], clock);
    // Its connection stays, for the next request.
    expect(await asked.job(job)).toMatchObject({ ok: true });
    isMute = true;
    const streaming = asked.stream(`/v1/jobs/${job}/events`, { once: true });
    await expect.poll(() => mute.requests.length, slow).toBe(2);
    clock.advance(19_999);
    expect(second.requests).toEqual([]);
    clock.advance(1);
    const stream = await streaming;
    if (!stream.ok) throw new Error(stream.failure.message);
    stream.value.destroy();
    expect(asked.url).toBe(second.url);
  });

  it('breaks off what is read from one that no longer answers once another does', async () => {
    const [first, second] = [await answering(), await answering()];
    const asked = clientOf([first, second]);
    const stream = await asked.stream(`/v1/jobs/${job}/events`, { once: true });
    if (!stream.ok) throw new Error(stream.failure.message);
    const broken = new Promise((resolve) => stream.value.once('close', resolve));
    stream.value.on('error', () => undefined).resume();
    first.refuse();
    expect(await asked.job(job)).toMatchObject({ ok: true });
    await broken;
    expect(asked.url).toBe(second.url);
  });
});
