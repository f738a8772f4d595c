/**
 * The scenarios that the product's design names, end to end: real clients, real processes, real sshd. What counts is what
 * the commands wrote down on the hosts. Every address stands for a host of the example fleet:
 *
 * foo1.east … foo101.east are 127.0.1.1 … 127.0.1.101, foo*.west 127.0.2.*, bar*.east 127.0.3.*, bar*.west 127.0.4.*,
 * zar*.west 127.0.5.*; the others are fleets of single scenarios.
 */
import { resolveTargets } from '@pogo/core';
import { hostInformationSchema, jobReportSchema, jobSchema } from '@pogo/protocol';
import { signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { begun, noting, peakOf } from './support/host-record.js';
import { jobOf } from './support/running-command.js';
import { openScene, type Scene, statesOf } from './support/scene.js';

const fleet = `
apps:
  frontend: [ '127.0.1.[1-101]', '127.0.2.[1-20]' ]
  backend: [ '127.0.3.[1-3]', '127.0.4.[1-3]' ]
  tail: [ '127.0.5.[1-4]' ]
  pair: [ '127.0.6.[1-2]' ]
  trio: [ '127.0.7.[1-4]' ]
  a: [ '127.0.8.1' ]
  b: [ '127.0.8.2' ]
  c: [ '127.0.8.3' ]
  ten: [ '127.0.9.[1-10]' ]
  wide: [ '127.0.10.[1-6]' ]
  narrow: [ '127.0.10.[1-3]' ]
envs:
  coast:
    east: [ '127.0.1.[1-101]', '127.0.3.[1-3]' ]
    west: [ '127.0.2.[1-20]', '127.0.4.[1-3]' ]
  lab:
    one: [ '@pair', '@trio', '@a', '@b', '@c', '@ten', '@wide' ]
constraints:
  coast:
    concurrency: { frontend: 25%, backend: 1 }
    sequence: [ [ backend, frontend ] ]
  lab:
    concurrency: { pair: 25%, trio: 2, ten: 6, wide: 3, narrow: 1 }
    sequence: [ [ a, b, c ] ]
`;
const everyHost =
  '127.0.1.[1-101],127.0.2.[1-20],127.0.[3-4].[1-3],127.0.5.[1-4],127.0.[6-9].[1-10],127.0.10.[1-6]';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  const known = resolveTargets(everyHost);
  if (!known.ok) throw new Error(known.error.message);
  hosts = await reachWithKey(
    scene,
    known.targets.map(({ host }) => host),
  );
  const applied = await scene.run(['ns', 'apply', scene.file('prod.yaml', fleet)]);
  expect(applied.exitCode, applied.stderr).toBe(0);
});

afterAll(() => scene.close());

/** What shows soon after it has happened. */
const soon = { timeout: 60_000 };
/** Waits for a gate of this host's own. */
const ownGate = (name: string) => `while [ ! -e "$HOME/${name}-$POGO_HOST" ]; do sleep 0.05; done`;
const run = (targets: string, more: readonly string[], script: string) =>
  scene.run(['run', '-h', targets, ...hosts.login, ...more, '--', 'sh', '-c', script]);
const report = async (job: string) => {
  const { stdout, stderr, exitCode } = await scene.run(['report', job, '--json']);
  expect(exitCode, stderr).toBe(0);
  return jobReportSchema.parse(JSON.parse(stdout));
};
const peakIn = async (job: string, slot: string) =>
  (await report(job)).slots.find((one) => one.slot === slot)?.peak;

describe('scenario', () => {
  it('1: foo13 and bar3 on both coasts: the first wave is exactly the backends, each foo13 waits for its own coast', async () => {
    const [fooEast, fooWest, barEast, barWest] = ['127.0.1.13', '127.0.2.13', '127.0.3.3', '127.0.4.3'];
    const command = hosts.start(
      [fooEast, fooWest, barEast, barWest].join(),
      [],
      noting('one', ownGate('one')),
    );
    const id = await jobOf(command);
    await expect.poll(() => begun(hosts.lines('one')).sort(), soon).toEqual([barEast, barWest]);
    hosts.open(`one-${fooEast}`);
    hosts.open(`one-${fooWest}`);
    hosts.open(`one-${barWest}`);
    await expect.poll(() => hosts.lines('one').at(-1), soon).toBe(`${fooWest} end`);
    const explained = await scene.run(['explain', id]);
    expect(explained.stdout).toContain(`${fooEast} waits for 1 host of backend@coast=east`);
    hosts.open(`one-${barEast}`);
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    const lines = hosts.lines('one');
    for (const [first, second] of [
      [barEast, fooEast],
      [barWest, fooWest],
    ])
      expect(lines.indexOf(`${first} end`)).toBeLessThan(lines.indexOf(`${second} begin`));
    const { sequences, verdict } = await report(id);
    expect(verdict).toBe('kept');
    expect(sequences.map(({ environment, before, after }) => [environment, before, after])).toEqual([
      ['coast=east', 'backend', 'frontend'],
      ['coast=west', 'backend', 'frontend'],
    ]);
  });

  it('2: bar[1-3].east one at a time, while bar1.east and bar1.west may overlap', async () => {
    const command = hosts.start('127.0.3.[1-3],127.0.4.1', [], noting('two', waitFor('two-gate')));
    // Each waits for a gate that stays closed: they are under way at the same moment.
    await expect.poll(() => begun(hosts.lines('two')).sort(), soon).toEqual(['127.0.3.1', '127.0.4.1']);
    hosts.open('two-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    const east = hosts.lines('two').filter((line) => line.startsWith('127.0.3.'));
    expect(east).toHaveLength(6);
    expect(peakOf(east)).toBe(1);
  });

  it('3: foo[1-101].east: never more than 25 at once', async () => {
    const command = hosts.start('127.0.1.[1-101]', [], noting('three', waitFor('three-gate')));
    await expect.poll(() => hosts.lines('three').length, soon).toBe(25);
    hosts.open('three-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    expect(hosts.lines('three')).toHaveLength(202);
    expect(peakOf(hosts.lines('three'))).toBe(25);
    expect(await peakIn(await jobOf(command), 'frontend@coast=east')).toBe(25);
  });

  it('3: a slot of 2 hosts at 25% admits 1, and the plan warns', async () => {
    const planned = await scene.run(['plan', '-h', '127.0.6.[1-2]', ...hosts.login, '--', 'true']);
    expect(planned.stdout).toMatch(/warning: .*pair/);
    const { exitCode, stderr } = await run('127.0.6.[1-2]', [], noting('pair', 'sleep 0.1'));
    expect(exitCode, stderr).toBe(0);
    expect(hosts.lines('pair')).toHaveLength(4);
    expect(peakOf(hosts.lines('pair'))).toBe(1);
  });

  it('4: zar[1-4].west with --concurrent 2: the peak is exactly 2', async () => {
    const command = hosts.start('127.0.5.[1-4]', ['--concurrent', '2'], noting('four', waitFor('four-gate')));
    await expect.poll(() => hosts.lines('four').length, soon).toBe(2);
    hosts.open('four-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    expect(hosts.lines('four')).toHaveLength(8);
    expect(peakOf(hosts.lines('four'))).toBe(2);
  });

  it('5: two jobs from two clients on other frontends of one coast: together never more than 25', async () => {
    const both = ['127.0.1.[1-40]', '127.0.1.[41-80]'].map((targets) =>
      hosts.start(targets, [], noting('five', waitFor('five-gate'))),
    );
    const ids = await Promise.all(both.map(jobOf));
    await expect.poll(() => hosts.lines('five').length, soon).toBe(25);
    hosts.open('five-gate');
    for (const { ended, stderr } of both) expect((await ended).exitCode, stderr()).toBe(0);
    expect(hosts.lines('five')).toHaveLength(160);
    expect(peakOf(hosts.lines('five'))).toBe(25);
    for (const id of ids) expect(await peakIn(id, 'frontend@coast=east')).toBe(25);
  });

  it('6: each of the 25 running frontends fails: nothing new starts, the job is deadlocked and says why; the next waits until they are well', async () => {
    const failed = await run('127.0.1.[1-101]', [], `${noting('six', 'true')}; exit 3`);
    expect(failed.exitCode, failed.stderr).toBe(6);
    expect(begun(hosts.lines('six'))).toHaveLength(25);
    const [id] = /p\d{10}/.exec(failed.stderr)!;
    const why = '76 hosts wait for frontend@coast=east 25/25: 127.0.1.[1-25]';
    expect(failed.stderr).toContain(why);
    expect((await scene.run(['status', id])).stdout).toContain(why);
    expect((await scene.run(['explain', id])).stdout).toContain(why);
    const shown = jobSchema.parse(JSON.parse((await scene.api('GET', `/v1/jobs/${id}`)).body));
    expect(shown).toMatchObject({
      state: 'deadlocked',
      deadlock: [{ slot: 'frontend@coast=east', use: 25, limit: 25, holders: [{ job: id, count: 25 }] }],
    });

    const next = hosts.start('127.0.1.[60-62]', [], noting('six-next', 'true'));
    const waiting = await scene.run(['explain', await jobOf(next)]);
    expect(waiting.stdout).toContain('frontend@coast=east');
    expect(waiting.stdout).toContain(id);
    expect(hosts.lines('six-next')).toEqual([]);

    const repaired = await run('127.0.1.[1-25]', [], noting('six-well', 'true'));
    expect(repaired.exitCode, repaired.stderr).toBe(0);
    expect((await next.ended).exitCode, next.stderr()).toBe(0);
    expect(peakOf([...hosts.lines('six-well'), ...hosts.lines('six-next')])).toBeLessThanOrEqual(25);
  });

  it('7: one failed, one running: halting another job frees nothing; halting this one keeps both, until each is over or released', async () => {
    const script = noting('seven', `[ "$POGO_HOST" = 127.0.7.1 ] && exit 3; ${waitFor('seven-gate')}`);
    const command = hosts.start('127.0.7.[1-2]', [], script);
    const id = await jobOf(command);
    await expect
      .poll(async () => statesOf({ hosts: await scene.hosts(id) }), soon)
      .toEqual({
        failed: 1,
        running: 1,
      });
    expect((await scene.run(['status', id])).stdout).toMatch(/^p\d{10} {2}running/);
    const third = hosts.start('127.0.7.3', [], noting('seven', waitFor('third-gate')));
    const thirdId = await jobOf(third);
    const other = hosts.start('127.0.5.1', [], waitFor('other-gate'));
    expect((await scene.run(['halt', await jobOf(other), '--kill'])).exitCode).toBe(0);
    await other.ended;
    expect((await scene.run(['halt', id])).exitCode).toBe(0);
    const explained = await scene.run(['explain', thirdId]);
    expect(explained.stdout).toContain('trio@lab=one');
    expect(begun(hosts.lines('seven')).sort()).toEqual(['127.0.7.1', '127.0.7.2']);

    hosts.open('seven-gate');
    await command.ended;
    await expect.poll(() => begun(hosts.lines('seven')).at(-1), soon).toBe('127.0.7.3');
    const lines = hosts.lines('seven');
    expect(lines.indexOf('127.0.7.2 end')).toBeLessThan(lines.indexOf('127.0.7.3 begin'));

    const fourth = hosts.start('127.0.7.4', [], noting('seven', 'true'));
    expect((await scene.run(['explain', await jobOf(fourth)])).stdout).toContain(id);
    expect(begun(hosts.lines('seven'))).not.toContain('127.0.7.4');
    expect((await scene.run(['release', id, '127.0.7.1'])).exitCode).toBe(0);
    expect((await fourth.ended).exitCode, fourth.stderr()).toBe(0);
    hosts.open('third-gate');
    expect((await third.ended).exitCode, third.stderr()).toBe(0);
  });

  it('8: --job-timeout 3 on a command that never ends: halted, and nothing left running on the hosts', async () => {
    const script = noting('eight', 'sleep 98801 & sleep 98802');
    const { exitCode, stderr } = await run(
      '127.0.5.[1-4]',
      ['--concurrent', '2', '--job-timeout', '3'],
      script,
    );
    expect(exitCode, stderr).toBe(6);
    expect(hosts.lines('eight').sort()).toEqual(['127.0.5.1 begin', '127.0.5.2 begin']);
    expect(hosts.running('sleep 98801', 'sleep 98802')).toEqual([]);
    const job = jobSchema.parse(JSON.parse((await scene.api('GET', '/v1/jobs/last')).body));
    expect(job).toMatchObject({ state: 'halted', halt: { cause: 'job-timeout', kill: true } });
    expect(job.endedAtMs! - job.acceptedAtMs).toBeGreaterThanOrEqual(3000);
  });

  it('9: neither password nor key offered: refused, and no job id is used up', async () => {
    const newest = async () => {
      const { jobs } = JSON.parse((await scene.api('GET', '/v1/jobs?limit=1')).body) as {
        jobs: { id: string }[];
      };
      return jobs[0]!.id;
    };
    const before = await newest();
    const known = hosts.login[hosts.login.indexOf('--known-hosts') + 1]!;
    const bare = ['-l', hosts.account.name, '-p', String(hosts.sshd.port), '--known-hosts', known];
    const refused = await scene.run([
      'run',
      '-h',
      '127.0.5.1',
      ...bare,
      '--',
      'sh',
      '-c',
      noting('nine', 'true'),
    ]);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/^pogo: [a-z-]+: .*(password|key|credential)/m);
    expect(await newest()).toBe(before);
    expect(hosts.lines('nine')).toEqual([]);
  });

  it('10: apps a and c of the sequence [a, b, c], none of b: c still waits for a', async () => {
    const command = hosts.start('127.0.8.3,127.0.8.1', [], noting('ten', waitFor('ten-gate')));
    const id = await jobOf(command);
    await expect.poll(() => hosts.lines('ten'), soon).toEqual(['127.0.8.1 begin']);
    expect((await scene.run(['explain', id])).stdout).toContain('127.0.8.3 waits for 1 host of a@lab=one');
    hosts.open('ten-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    expect(hosts.lines('ten')).toEqual(
      ['127.0.8.1', '127.0.8.3'].flatMap((host) => [`${host} begin`, `${host} end`]),
    );
  });

  it('11: h[1-3]!h2 gives h1,h3; @backend&*.west gives only west; an unknown group is an error, not an empty set', async () => {
    const difference = await run('127.0.5.[1-3]!127.0.5.2', [], noting('eleven', 'true'));
    expect(difference.exitCode, difference.stderr).toBe(0);
    expect(begun(hosts.lines('eleven')).sort()).toEqual(['127.0.5.1', '127.0.5.3']);
    const west = await run('@backend&127.0.4.*', [], noting('eleven-west', 'true'));
    expect(west.exitCode, west.stderr).toBe(0);
    expect(begun(hosts.lines('eleven-west')).sort()).toEqual(['127.0.4.1', '127.0.4.2', '127.0.4.3']);
    const unknown = await run('@nowhere', [], noting('eleven-none', 'true'));
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('nowhere');
    expect(hosts.lines('eleven-none')).toEqual([]);
  });

  it('12: retry of 3 failed, 2 unreachable, 1 unknown, 4 not started: 9 hosts run, the unknown one does not', async () => {
    // Where nothing listens for two of the ten, until somebody repairs that.
    const away = await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
    await away.stop();
    const targets = ['127.0.9.[1-3]', ...[4, 5].map((n) => `127.0.9.${n}:${away.port}`), '127.0.9.[6-10]'];
    const first = 'case $POGO_HOST in *.[1-3]) exit 3 ;; *) sleep 98812 ;; esac';
    const script = `echo "$POGO_HOST $POGO_ATTEMPT" >> "$HOME/twelve"; [ "$POGO_ATTEMPT" = 2 ] || { ${first}; }`;
    const command = hosts.start(targets.join(), ['--host-key-policy', 'accept-new'], script);
    const id = await jobOf(command);
    const states = async () => statesOf({ hosts: await scene.hosts(id) });
    await expect.poll(states, soon).toEqual({ failed: 3, unreachable: 2, running: 1, waiting: 4 });
    signalProcesses('KILL', scene.cluster.pids('worker'));
    expect((await command.ended).exitCode, command.stderr()).toBe(9);
    expect(await states()).toEqual({ failed: 3, unreachable: 2, unknown: 1, halted: 4 });

    await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], port: away.port });
    const retried = await scene.run(['retry', id, '--identity', hosts.key.privatePath]);
    expect(retried.exitCode, retried.stderr).toBe(9);
    expect(await states()).toEqual({ succeeded: 9, unknown: 1 });
    const ran = hosts.lines('twelve').filter((line) => line.endsWith(' 2'));
    const nine = [1, 2, 3, 4, 5, 7, 8, 9, 10].map((n) => `127.0.9.${n} 2`);
    expect(ran.sort()).toEqual(nine.sort());
    expect(hosts.lines('twelve').filter((line) => line.startsWith('127.0.9.6 '))).toEqual(['127.0.9.6 1']);
  });

  it('13: pogo hosts foo11.west says app frontend, coast west, and current use of its slots', async () => {
    const command = hosts.start('127.0.2.[1-3]', [], noting('thirteen', waitFor('thirteen-gate')));
    await expect.poll(() => hosts.lines('thirteen').length, soon).toBe(3);
    const { stdout } = await scene.run(['hosts', '127.0.2.11']);
    expect(stdout).toContain('frontend');
    expect(stdout).toMatch(/coast[:= ]west/);
    const asked = await scene.run(['hosts', '127.0.2.11', '--json']);
    const { hosts: found } = hostInformationSchema.parse(JSON.parse(asked.stdout));
    expect(found).toMatchObject([
      {
        host: '127.0.2.11',
        apps: ['frontend'],
        environments: [{ type: 'coast', value: 'west' }],
        slots: [{ name: 'frontend@coast=west', use: 3, limit: 5, members: 20 }],
      },
    ]);
    hosts.open('thirteen-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
  });

  it('14: a host in two apps with different limits obeys both', async () => {
    const command = hosts.start('127.0.10.[1-6]', [], noting('fourteen', waitFor('fourteen-gate')));
    await expect
      .poll(() => begun(hosts.lines('fourteen')).sort(), soon)
      .toEqual(['127.0.10.1', '127.0.10.4', '127.0.10.5']);
    hosts.open('fourteen-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    const lines = hosts.lines('fourteen');
    expect(lines).toHaveLength(12);
    expect(peakOf(lines)).toBe(3);
    expect(peakOf(lines.filter((line) => /\.[1-3] /.test(line)))).toBe(1);
  });
});
