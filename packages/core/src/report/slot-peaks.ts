/** The most hosts that counted in each slot of a job's hosts while the job was open, and whether that was allowed. */
import type { LogPosition, Recount } from './recount.js';
import type { WrittenLimits, WrittenSlot } from './written-limits.js';

/** A host that was permitted although its slot was full. */
export interface SlotViolation extends LogPosition {
  readonly host: string;
  readonly use: number;
}

/** What happened in a slot while one version of the namespace was in force. */
export interface SlotPeak {
  /** `frontend@coast=east` */
  readonly slot: string;
  /** Version of the namespace. */
  readonly version: number;
  readonly members: number;
  readonly limit: number;
  /** As the file has it: `25%`. */
  readonly written: string;
  /** Most hosts that counted at once, over all jobs. */
  readonly peak: number;
  /** When there were so many for the first time; undefined when there never was one. */
  readonly at: LogPosition | undefined;
  /** Names of these hosts. */
  readonly hosts: readonly string[];
  /** The first ones; `violated` is how many in all. */
  readonly violations: readonly SlotViolation[];
  readonly violated: number;
}

interface Watched {
  readonly slot: WrittenSlot;
  readonly limits: WrittenLimits;
  readonly version: number;
  peak: number;
  at: LogPosition | undefined;
  /** Who they were; undefined while they still are the slot's present ones. */
  hosts: readonly string[] | undefined;
  violations: SlotViolation[];
  violated: number;
}

const shownViolations = 20;

export class SlotPeaks {
  readonly #done: SlotPeak[] = [];
  #watched = new Map<string, Watched>();
  #isOpen = false;

  /** The job is open: from here on its slots are watched. */
  open(recount: Recount, members: Iterable<number>, at: LogPosition): void {
    this.close(recount);
    this.#isOpen = true;
    const { limits, version } = recount;
    if (limits === undefined) return;
    for (const member of members) {
      for (const slot of limits.slotsOf(member)) {
        if (this.#watched.has(slot.name)) continue;
        const use = recount.useOf(slot).size;
        const watched = { slot, limits, version, violations: [], violated: 0, hosts: undefined };
        this.#watched.set(slot.name, { ...watched, peak: use, at: use === 0 ? undefined : at });
      }
    }
  }

  rose(
    slot: WrittenSlot,
    use: ReadonlySet<number>,
    permitted: string | undefined,
    { index, atMs }: LogPosition,
  ): void {
    const watched = this.#watched.get(slot.name);
    if (watched === undefined) return;
    if (use.size > watched.peak) {
      watched.peak = use.size;
      watched.at = { index, atMs };
      watched.hosts = undefined;
    }
    if (permitted === undefined || use.size <= slot.limit) return;
    watched.violated++;
    if (watched.violations.length < shownViolations)
      watched.violations.push({ host: permitted, use: use.size, index, atMs });
  }

  falls(slot: WrittenSlot, use: ReadonlySet<number>): void {
    const watched = this.#watched.get(slot.name);
    if (watched !== undefined) remember(watched, use);
  }

  /** The job is over, or another version of the namespace comes into force. */
  close(recount: Recount): void {
    this.#isOpen = false;
    for (const watched of this.#watched.values()) {
      remember(watched, recount.useOf(watched.slot));
      this.#add(peakOf(watched));
    }
    this.#watched = new Map();
  }

  /** Of a job that was opened again, what is the most over all its time under one version. */
  #add(peak: SlotPeak): void {
    const place = this.#done.findIndex(({ slot, version }) => slot === peak.slot && version === peak.version);
    const earlier = this.#done[place];
    if (earlier === undefined) {
      this.#done.push(peak);
      return;
    }
    this.#done[place] = {
      ...(peak.peak > earlier.peak ? peak : earlier),
      violations: [...earlier.violations, ...peak.violations].slice(0, shownViolations),
      violated: earlier.violated + peak.violated,
    };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** In the order in which they were watched; a slot once for each version of the namespace. */
  get all(): readonly SlotPeak[] {
    return this.#done;
  }
}

function peakOf({ slot, version, peak, at, hosts, violations, violated }: Watched): SlotPeak {
  const { name, members, limit, written } = slot;
  return {
    ...{ slot: name, version, members, limit, written },
    ...{ peak, at, hosts: hosts ?? [], violations, violated },
  };
}

function remember(watched: Watched, use: ReadonlySet<number>): void {
  if (watched.hosts !== undefined || use.size !== watched.peak) return;
  watched.hosts = [...use].map((member) => watched.limits.nameOf(member));
}
