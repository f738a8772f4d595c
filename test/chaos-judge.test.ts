/** What a run of chaos is judged by: each rule is broken once here, in a history made up for it, and must be found. */
import { SeededRandom } from '@pogo/testkit';
import { describe, expect, it } from 'vitest';
import { allFaults, drawFaults } from './chaos/faults.js';
import type { HostCommand, HostEvent } from './chaos/host-record.js';
import type { ChaosJob } from './chaos/jobs.js';
import { Judge } from './chaos/judge.js';
import type { LoggedBatch, LoggedEntry } from './chaos/logged-batches.js';
import { checkOutput } from './chaos/output-check.js';
import { addressOf, planSite, someHosts } from './chaos/site.js';

// Databases 1 and 6, web servers 2, 4, 5, 7, 9 and 10: of those of a coast, odd or even, one at once.
const site = planSite(10);
const worker = '10.77.7.2';

type Entry = LoggedEntry & Record<string, unknown>;

/** A job, and what happened to it: `at` is in milliseconds, and each call comes after the one before. */
class History {
  readonly judge = new Judge({ site, workers: new Map([[worker, 'worker-1']]) });
  readonly #batches: LoggedBatch[] = [];
  readonly #events: HostEvent[] = [];
  readonly #hosts: readonly number[];

  constructor(hosts: readonly number[], more: Partial<ChaosJob> = {}) {
    this.#hosts = hosts;
    this.judge.expect({
      ...{ key: 'key', hosts, concurrent: null, isUnconstrained: false },
      ...{ lines: 1, pauseMs: 0, failing: undefined, ...more },
    });
    this.judge.ordered('key', hosts);
    const { concurrent = null } = more;
    this.log(0, {
      type: 'job-accepted',
      ...{ job: 1, idempotencyKey: 'key', hosts: hosts.length, limits: { concurrent } },
    });
  }

  log(atMs: number, ...entries: Entry[]): this {
    const all: Entry[] =
      this.#batches.length === 0
        ? [{ type: 'namespace-applied', version: 1, ref: 'namespaces/1' }, ...entries]
        : entries;
    const body = Buffer.from(JSON.stringify({ atMs, entries: all }));
    this.#batches.push({ index: this.#batches.length, atMs, body, entries: all });
    return this;
  }

  permit(atMs: number, index: number): this {
    const hosts = [index];
    return this.log(
      atMs,
      { type: 'hosts-permitted', job: 1, hosts },
      { type: 'hosts-assigned', job: 1, hosts, worker: 'worker-1' },
    );
  }

  command(index: number, times: { began: number; ended: number; exitCode?: number; from?: string }): this {
    const { began, ended, exitCode = 0, from = worker } = times;
    const command: HostCommand = {
      ...{ job: 1, attempt: 1, host: addressOf(this.#hosts[index]!), from, pid: 1 },
      ...{ beganAtMs: began, endedAtMs: ended, exitCode, isRepeated: false },
    };
    this.#events.push({ kind: 'begin', command }, { kind: 'end', command });
    this.#events.sort((one, other) => when(one) - when(other));
    return this;
  }

  finish(atMs: number, index: number, outcome: { state: string; exitCode?: number }): this {
    return this.log(atMs, { type: 'host-finished', job: 1, host: index, attempt: 1, outcome });
  }

  /** Permit, command and end of one host, within 100 ms. */
  run(atMs: number, index: number): this {
    return this.permit(atMs, index)
      .command(index, { began: atMs + 20, ended: atMs + 60 })
      .finish(atMs + 80, index, { state: 'succeeded' });
  }

  end(atMs: number, state: string): this {
    return this.log(atMs, { type: 'job-ended', job: 1, state });
  }

  rules(): string[] {
    this.judge.take(this.#batches, this.#events);
    this.judge.checkEnd();
    return [...new Set(this.judge.violations.map(({ rule }) => rule))].sort();
  }
}

function when({ kind, command }: HostEvent): number {
  return kind === 'begin' ? command.beganAtMs : command.endedAtMs!;
}

describe('the judge', () => {
  it('finds nothing in a history in which every rule was kept', () => {
    const history = new History([1, 5, 2]).run(100, 0).run(300, 1).run(500, 2).end(700, 'succeeded');
    expect(history.rules()).toEqual([]);
  });

  it('finds a command that ran twice, and one that nobody asked for (I7)', () => {
    const twice = new History([1]).run(100, 0).command(0, { began: 300, ended: 320 }).end(400, 'succeeded');
    expect(twice.rules()).toContain('I7');
    const strange = new History([1], { hosts: [2] }).run(100, 0).end(400, 'succeeded');
    expect(strange.rules()).toContain('I7');
  });

  it('finds a command that another worker ran than the log names, and one that began before it was ordered (A1)', () => {
    const other = new History([1]).permit(100, 0).command(0, { began: 120, ended: 160, from: '10.77.8.2' });
    expect(other.finish(180, 0, { state: 'succeeded' }).end(200, 'succeeded').rules()).toEqual(['A1']);
    const early = new History([1]).permit(100, 0).command(0, { began: 50, ended: 160 });
    expect(early.finish(180, 0, { state: 'succeeded' }).end(200, 'succeeded').rules()).toEqual(['A1']);
  });

  it('finds a limit that was not kept, by the log and by the hosts alone (I1)', () => {
    const logged = new History([2, 4]).permit(100, 0).run(200, 1);
    logged.command(0, { began: 120, ended: 150 }).finish(400, 0, { state: 'succeeded' });
    expect(logged.end(500, 'succeeded').rules()).toEqual(['I1']);
    // The log has them one after the other; the first one's command went on.
    const seen = new History([2, 4]).permit(100, 0).command(0, { began: 120, ended: 290 });
    seen.finish(180, 0, { state: 'succeeded' }).run(200, 1).end(500, 'succeeded');
    expect(seen.rules()).toEqual(['E1', 'I1']);
    const capped = new History([1, 5], { concurrent: 1 }).permit(100, 0).permit(110, 1);
    expect(capped.rules()).toContain('I1');
  });

  it('finds a web server that began before a database of its coast was done (I2)', () => {
    const history = new History([1, 5]).run(100, 1).run(300, 0).end(500, 'succeeded');
    expect(history.rules()).toEqual(['I2']);
  });

  it('finds two commands on one host at once (I3)', () => {
    const history = new History([3]).permit(100, 0).command(0, { began: 120, ended: 400 });
    history.command(0, { began: 200, ended: 300 });
    expect(history.rules()).toContain('I3');
  });

  it('finds an end that the host has not seen (E1)', () => {
    const never = new History([1]).permit(100, 0).finish(200, 0, { state: 'succeeded' });
    expect(never.end(300, 'succeeded').rules()).toEqual(['E1']);
    const other = new History([1]).permit(100, 0).command(0, { began: 120, ended: 150, exitCode: 3 });
    expect(other.finish(200, 0, { state: 'succeeded' }).end(300, 'succeeded').rules()).toEqual(['E1']);
    const still = new History([1]).permit(100, 0).command(0, { began: 120, ended: 250 });
    expect(still.finish(200, 0, { state: 'succeeded' }).end(300, 'succeeded').rules()).toEqual(['E1']);
  });

  it('takes a command that came to its end as it was being killed, where the outcome has its status', () => {
    const ended = (outcome: { state: string; exitCode?: number }) =>
      new History([1])
        .permit(100, 0)
        .command(0, { began: 120, ended: 150 })
        .finish(200, 0, outcome)
        .end(300, 'failed')
        .rules();
    expect(ended({ state: 'killed', exitCode: 0 })).toEqual([]);
    expect(ended({ state: 'killed', exitCode: 1 })).toEqual(['E1']);
    expect(ended({ state: 'killed' })).toEqual(['E1']);
  });

  it('finds a refusal of what had begun (A3)', () => {
    const history = new History([1]).permit(100, 0).command(0, { began: 120, ended: 150 });
    history.log(200, { type: 'hosts-refused', job: 1, hosts: [0] });
    expect(history.rules()).toContain('A3');
  });

  it('takes a killed command that could note nothing, and no other end of one', () => {
    const started = (history: History) =>
      history.permit(100, 0).log(150, { type: 'hosts-started', job: 1, hosts: [0] });
    const killed = started(new History([1]))
      .finish(200, 0, { state: 'killed' })
      .end(300, 'failed');
    expect(killed.rules()).toEqual([]);
    expect(killed.judge.silent).toBe(1);
    const unknown = started(new History([1]))
      .finish(200, 0, { state: 'unknown' })
      .end(300, 'failed');
    expect(unknown.rules()).toEqual([]);
    const well = started(new History([1]))
      .finish(200, 0, { state: 'succeeded' })
      .end(300, 'succeeded');
    expect(well.rules()).toEqual(['E1']);
  });

  it('takes a note that comes a moment after the word that the command has begun', () => {
    const history = new History([1]).permit(100, 0).log(110, { type: 'hosts-started', job: 1, hosts: [0] });
    history.command(0, { began: 130, ended: 160 }).finish(200, 0, { state: 'succeeded' });
    expect(history.end(300, 'succeeded').rules()).toEqual([]);
  });

  it('finds a job that neither ends nor says why, and one that asks for credentials again (I6, V1)', () => {
    expect(new History([1]).run(100, 0).rules()).toEqual(['I6']);
    const asking = new History([1]).log(100, { type: 'credentials-lost', job: 1 });
    expect(asking.rules()).toEqual(['V1']);
  });
});

describe('what a run showed', () => {
  const job: ChaosJob = {
    ...{ key: 'key', hosts: [1], concurrent: null, isUnconstrained: false },
    ...{ lines: 3, pauseMs: 0, failing: undefined },
  };
  const rulesOf = (lines: readonly number[], state: string, stderr = '', exitCode = 0) => {
    const stdout = lines.map((line) => `${addressOf(1)}: line ${line}\n`).join('');
    return checkOutput(job, { exitCode, stdout, stderr }, new Map([[1, state]])).map(({ rule }) => rule);
  };

  it('must be every line once and in order, where the command came to its end', () => {
    expect(rulesOf([1, 2, 3], 'succeeded')).toEqual([]);
    for (const wrong of [[1, 2], [1, 3], [1, 2, 2, 3], [2, 1, 3], []])
      expect(rulesOf(wrong, 'succeeded')).toEqual(['I5']);
  });

  it('may break off where it did not, but leave nothing out in between', () => {
    expect(rulesOf([1, 2], 'unknown')).toEqual([]);
    expect(rulesOf([1, 3], 'unknown')).toEqual(['I5']);
  });

  it('may lack what it says that it lacks', () => {
    const gap = `pogo: output-gap: ${addressOf(1)}: stdout: 20 bytes are gone\n`;
    expect(rulesOf([1, 3], 'succeeded', gap)).toEqual([]);
    expect(rulesOf([1, 3], 'succeeded', gap.replace(addressOf(1), addressOf(2)))).toEqual(['I5']);
    expect(rulesOf([3, 1], 'succeeded', gap)).toEqual(['I5']);
  });

  it('must come from a run that followed its job to the end', () => {
    expect(rulesOf([1, 2, 3], 'succeeded', '', 1)).toEqual(['I5']);
  });
});

describe('faults', () => {
  it('come in another order each time, none twice before all have come', () => {
    const names = (seed: number) => {
      const drawn = drawFaults(new SeededRandom(seed), 200);
      return allFaults(200).map(() => drawn.next().value.name);
    };
    expect([...names(1)].sort()).toEqual(
      allFaults(200)
        .map(({ name }) => name)
        .sort(),
    );
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  it('befall some of the hosts, and not all, whatever their number', () => {
    expect(someHosts(200)).toBe('10.78.0.0/25');
    expect(someHosts(12)).toBe('10.78.0.0/30');
  });
});
