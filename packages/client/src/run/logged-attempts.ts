import { foldForPeople, hostKey } from '@pogo/core';
import type { JobHostDocument } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';

interface AttemptRange {
  readonly from: number;
  readonly to: number;
}

/** Which attempts of which hosts a log shows. */
export class LoggedAttempts {
  /** What the user should know about what is left out. */
  readonly note: string | undefined;
  readonly #shown: ReadonlyMap<string, AttemptRange>;

  /** @param shown by host name */
  constructor(shown: Iterable<readonly [string, AttemptRange]>, note?: string) {
    this.#shown = new Map([...shown].map(([host, range]) => [hostKey(host), range]));
    this.note = note;
  }

  /** Without an attempt: whether anything of the host is shown. */
  includes(host: string, attempt?: number): boolean {
    const range = this.#shown.get(hostKey(host));
    if (range === undefined || attempt === undefined) return range !== undefined;
    return attempt >= range.from && attempt <= range.to;
  }
}

export interface AttemptChoice {
  readonly job: string;
  /** Keys of the hosts to show; absent: all. */
  readonly wanted: ReadonlySet<string> | undefined;
  /** Absent: of each host the last, and those that come. */
  readonly attempt: number | 'all' | undefined;
}

/** A host that the job hasn't, and an attempt that none of the hosts has had, are errors, not silence. */
export function chooseAttempts(
  hosts: readonly JobHostDocument[],
  { job, wanted, attempt }: AttemptChoice,
): Result<LoggedAttempts> {
  const known = new Set(hosts.map(({ host }) => hostKey(host)));
  const unknown = wanted && [...wanted].find((host) => !known.has(host));
  if (unknown !== undefined) {
    return usageFailure(
      'unknown-host',
      `${unknown} is not a host of ${job}: \`pogo status ${job} --hosts\` lists them`,
    );
  }
  const chosen = hosts.filter(({ host }) => wanted === undefined || wanted.has(hostKey(host)));
  const most = chosen.reduce((last, host) => Math.max(last, host.attempt), 1);
  const names = (some: readonly JobHostDocument[]) => foldForPeople(some.map(({ host }) => host));
  if (typeof attempt === 'number') {
    if (attempt > most) {
      return usageFailure(
        'unknown-attempt',
        `no host of ${job} that was named has had an attempt ${attempt}: the last one of ${names(chosen)} is ${most}`,
      );
    }
    return success(new LoggedAttempts(chosen.map(({ host }) => [host, { from: attempt, to: attempt }])));
  }
  const firstOf = (host: JobHostDocument) => (attempt === 'all' ? 0 : host.attempt);
  const again = attempt === 'all' ? [] : chosen.filter((host) => host.attempt > 1);
  const note =
    again.length === 0
      ? undefined
      : `only the last attempt is shown, number ${most === 2 ? '2' : `2 to ${most}`} on ${names(again)}: --attempt N shows an earlier one, --attempt all every one`;
  return success(
    new LoggedAttempts(
      chosen.map((host) => [host.host, { from: firstOf(host), to: Infinity }]),
      note,
    ),
  );
}
