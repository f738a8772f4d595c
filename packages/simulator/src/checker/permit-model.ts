/**
 * Who may begin: every permit in the log is held against the namespace in force at that place of the log, by counting all
 * hosts of all jobs again from nothing (I1, I2, I3, S1-S7).
 *
 * 1. A host counts from its permit until there is evidence that its command is over (E1), and that it is well (S3): one
 *    that went wrong counts until an attempt on it succeeds, somebody releases it or, where the namespace has it so, its
 *    job ends. The end of a job alone is no evidence.
 * 2. A job that is called deadlocked never could have gone on, whatever else goes well (S7).
 */
import { canEverGoOn } from './deadlock-truth.js';
import { type HostModel, indexes, isOpenUnknown, type JobModel, type RawEntry } from './log-model.js';
import type { NamespaceModel, SlotModel } from './namespace-model.js';

/** What is remembered of one host of one job, besides what the log model has. */
interface PermitRecord {
  /** An attempt of it has a permit, and isn't over. */
  isPermitted: boolean;
  /** Its command was over, and it isn't well since. `perhaps`: a person had released the attempt before its end was known. */
  held: 'no' | 'perhaps' | 'yes';
  /** It is being asked what became of it. */
  isAsked: boolean;
  /** Its last permit was given under a namespace that knows the host. */
  isGuarded: boolean;
  /** Which permit in the log that was. */
  order: number;
}

export interface PermitModelOptions {
  jobs: ReadonlyMap<number, JobModel>;
  /** Numbers of a submission's hosts. */
  hostsOf: (key: string) => readonly number[];
  /** What a namespace document that the log names means; undefined when it isn't stored. */
  namespaceOf: (ref: string) => NamespaceModel | undefined;
  violated: (rule: string, what: string) => void;
  noted: (what: string) => void;
}

/** A host of a job, on a host of the fleet. */
interface Place {
  job: JobModel;
  index: number;
  model: HostModel;
  record: PermitRecord;
}

export class PermitModel {
  readonly #options: PermitModelOptions;
  readonly #records = new Map<number, PermitRecord[]>();
  readonly #versions: NamespaceModel[] = [];
  /** Hosts that ended without having begun in this batch. */
  #stopped = new Set<HostModel>();
  #permits = 0;

  constructor(options: PermitModelOptions) {
    this.#options = options;
  }

  /** The version in force. */
  get namespace(): NamespaceModel | undefined {
    return this.#versions.at(-1);
  }

  /** Versions that the log has, in order. */
  get versions(): readonly NamespaceModel[] {
    return this.#versions;
  }

  batchBegins(): void {
    this.#stopped = new Set();
  }

  /** To be called before the log model takes the entry. */
  take(entry: RawEntry): void {
    if (entry.type === 'namespace-applied') return this.#apply(entry);
    const job = this.#options.jobs.get(entry.job ?? -1);
    if (job === undefined) return;
    switch (entry.type) {
      case 'host-finished':
        return this.#finish(job, entry.host ?? -1, entry);
      case 'earlier-settled':
        return this.#settleEarlier(job, entry.host ?? -1, entry);
      case 'job-ended':
        return this.#end(job, entry.state ?? '');
      case 'job-archived':
        return this.#archive(job);
      default:
        if (typeof entry.hosts !== 'object') return;
        for (const index of indexes(entry.hosts)) this.#move(job, index, entry);
    }
  }

  /** Whether the later permit of these two was given although the other's attempt was under way. */
  isSecond(one: { job: number; host: number }, other: { job: number; host: number }): boolean {
    const records = [one, other].map(({ job, host }) => this.#records.get(job)?.[host]);
    const later = records.reduce((last, record) =>
      (record?.order ?? 0) > (last?.order ?? 0) ? record : last,
    );
    return later?.isGuarded === true;
  }

  /** A host that waits for nothing while nothing is under way anywhere; undefined when there is none (I6). */
  idleHost(): string | undefined {
    const places = [...this.#options.jobs.values()].flatMap((job) =>
      this.#recordsOf(job).map((record, index): Place => ({ job, index, model: job.hosts[index]!, record })),
    );
    if (places.some(({ record, model }) => record.isPermitted || record.isAsked || model.phase === 'out'))
      return undefined;
    const idle = places.find((place) => place.model.phase === 'free' && this.#mayBegin(place));
    return idle && `h${this.#hostOf(idle)} of job ${idle.job.job}`;
  }

  #mayBegin(place: Place): boolean {
    const { job } = place;
    const { namespace } = this;
    if (job.ended !== undefined || job.isHalted || job.needsCredentials) return false;
    const own = this.#recordsOf(job).filter((record, index) =>
      isLive({ job, index, model: job.hosts[index]!, record }),
    );
    if (job.concurrent !== null && own.length >= job.concurrent) return false;
    const host = this.#hostOf(place);
    if (namespace?.knows(host) !== true) return true;
    if (this.#placesOn(host).some((other) => isLive(other))) return false;
    if (job.isUnconstrained) return true;
    const isFull = ({ members, limit }: SlotModel) =>
      [...members].filter((member) => this.#placesOn(member).some((other) => counts(other))).length >= limit;
    if (!this.#placesOn(host).some((other) => counts(other)) && namespace.slotsOf(host).some(isFull))
      return false;
    return this.#predecessors(place, namespace).every(isDone);
  }

  #predecessors({ job, index }: Place, namespace: NamespaceModel): Place[] {
    const hosts = this.#options.hostsOf(job.key);
    const before = namespace.predecessorsOf(hosts[index] ?? 0);
    return this.#recordsOf(job)
      .map((record, at): Place => ({ job, index: at, model: job.hosts[at]!, record }))
      .filter((place) => before.has(hosts[place.index] ?? 0));
  }

  #apply({ version, ref = '' }: RawEntry): void {
    if (version !== this.#versions.length + 1)
      this.#options.violated('L1', `version ${version} follows version ${this.#versions.length}`);
    const namespace = this.#options.namespaceOf(ref);
    if (namespace === undefined) return this.#options.violated('L6', `the namespace ${ref} is not stored`);
    this.#versions.push(namespace);
  }

  #move(job: JobModel, index: number, entry: RawEntry): void {
    const record = this.#recordsOf(job)[index];
    const model = job.hosts[index];
    if (record === undefined || model === undefined) return;
    const place: Place = { job, index, model, record };
    switch (entry.type) {
      case 'hosts-permitted':
        return this.#permit(place);
      case 'hosts-assigned':
        if (!record.isPermitted) this.#violated('I1', place, 'is ordered without a permit');
        return;
      case 'hosts-retried':
        if (entry.keepsPermit !== true) return;
        if (!isLive(place)) this.#violated('I1', place, 'keeps a permit that it does not have');
        record.isPermitted = true;
        return;
      case 'hosts-halted':
      case 'hosts-skipped':
        record.isPermitted = false;
        this.#stopped.add(model);
        return;
      case 'hosts-released':
        record.held = 'no';
        return;
      case 'hosts-resolving':
        record.isAsked = true;
        return;
      case 'hosts-refused':
      case 'hosts-unsettled':
        record.isAsked = false;
        return;
      default:
        return;
    }
  }

  /** (I1, I2, I3) */
  #permit(place: Place): void {
    const { job, record } = place;
    const { noted } = this.#options;
    const host = this.#hostOf(place);
    const { namespace } = this;
    const counted = this.#placesOn(host).some((other) => counts(other));
    if (record.isPermitted) this.#violated('I3', place, 'is permitted twice');
    if (namespace?.knows(host) === true) {
      const other = this.#placesOn(host).find((one) => one.job !== job && isLive(one));
      if (other !== undefined)
        this.#violated(
          'I3',
          place,
          `is permitted while an attempt of job ${other.job.job} may be under way on it`,
        );
      if (!job.isUnconstrained) {
        if (counted) noted('a permit for a host that counts already');
        else this.#checkSlots(place, namespace);
        this.#checkSequence(place, namespace);
      }
    }
    record.isPermitted = true;
    record.isGuarded = namespace?.knows(host) === true;
    record.order = ++this.#permits;
  }

  /** (I1) Counting it, no slot of it has more hosts than its limit in force here. */
  #checkSlots(place: Place, namespace: NamespaceModel): void {
    const host = this.#hostOf(place);
    for (const { name, members, limit } of namespace.slotsOf(host)) {
      const others = [...members].filter((member) => member !== host && this.#isCounted(member));
      if (others.length + 1 === limit && limit < members.size) this.#options.noted('a permit fills a slot');
      if (others.length + 1 > limit)
        this.#violated(
          'I1',
          place,
          `is permitted while ${others.map((other) => `h${other}`).join(', ')} count in ${name}, limit ${limit} in version ${namespace.number}`,
        );
    }
  }

  /** (I2) */
  #checkSequence(place: Place, namespace: NamespaceModel): void {
    for (const earlier of this.#predecessors(place, namespace)) {
      if (!isDone(earlier))
        this.#violated('I2', place, `is permitted before h${this.#hostOf(earlier)} is done`);
      else this.#options.noted('a permit after the step before');
    }
  }

  #finish(job: JobModel, index: number, { outcome }: RawEntry): void {
    const record = this.#recordsOf(job)[index];
    const model = job.hosts[index];
    if (record === undefined || model === undefined || outcome === undefined) return;
    const place: Place = { job, index, model, record };
    record.isPermitted = false;
    record.isAsked = false;
    if (outcome.state !== 'succeeded') return this.#holdIfUnwell(place, outcome, model.isReleased);
    for (const other of this.#placesOn(this.#hostOf(place))) other.record.held = 'no';
  }

  #settleEarlier(job: JobModel, index: number, { outcome }: RawEntry): void {
    const record = this.#recordsOf(job)[index];
    const model = job.hosts[index];
    if (record === undefined || model === undefined || outcome === undefined) return;
    this.#holdIfUnwell({ job, index, model, record }, outcome, false);
  }

  /** (S3) */
  #holdIfUnwell(place: Place, outcome: { state: string; reason?: string }, wasReleased: boolean): void {
    const { job, record } = place;
    const isUnwell = ['failed', 'timed-out', 'unreachable', 'killed'].includes(outcome.state);
    if (!isUnwell || outcome.reason?.startsWith('host-key-') === true) return;
    if (job.isUnconstrained || this.namespace?.knows(this.#hostOf(place)) !== true) return;
    if (record.held !== 'yes') record.held = wasReleased ? 'perhaps' : 'yes';
  }

  /** (2) */
  #end(job: JobModel, state: string): void {
    if (state === 'deadlocked') this.#checkDeadlock(job);
    const records = this.#recordsOf(job);
    for (const record of records) {
      record.isAsked = false;
      if (this.namespace?.holdsUntilWell === false) record.held = 'no';
    }
    if (records.some(({ held }) => held === 'yes'))
      this.#options.noted('a job ends, and hosts of it go on counting');
  }

  /** Who forgets a job forgets what it holds. */
  #archive(job: JobModel): void {
    for (const [index, record] of this.#recordsOf(job).entries()) {
      const place: Place = { job, index, model: job.hosts[index]!, record };
      if (counts(place) && this.namespace?.knows(this.#hostOf(place)) === true)
        this.#violated('I1', place, 'counts, and its job is archived');
      record.held = 'no';
    }
  }

  #checkDeadlock(job: JobModel): void {
    const { jobs, hostsOf } = this.#options;
    const isStopped = (model: HostModel) => this.#stopped.has(model);
    const places = [...jobs.values()].flatMap((other) =>
      this.#recordsOf(other).map((record, index) => {
        const place: Place = { job: other, index, model: other.hosts[index]!, record };
        const isOpen =
          other === job || (other.ended === undefined && !other.isHalted && !other.needsCredentials);
        const isMoving = record.isPermitted || record.isAsked;
        return {
          job: other,
          host: hostsOf(other.key)[index]!,
          isWaiting:
            isOpen &&
            !isMoving &&
            (place.model.phase === 'free' || (other === job && isStopped(place.model))),
          isMoving,
          isUnknown: isOpenUnknown(place.model) || place.model.earlier.length > 0,
          isHeld: record.held !== 'no',
          isDone: isDone(place) && !isStopped(place.model),
        };
      }),
    );
    const isHopeless = !canEverGoOn(job, places, this.namespace);
    this.#options.noted('a deadlock');
    if (!isHopeless)
      this.#options.violated('S7', `job ${job.job} ends as deadlocked, and could have gone on`);
  }

  #isCounted(host: number): boolean {
    return this.#placesOn(host).some((place) => counts(place, 'surely'));
  }

  #placesOn(host: number): Place[] {
    const places: Place[] = [];
    for (const job of this.#options.jobs.values()) {
      const index = this.#options.hostsOf(job.key).indexOf(host);
      const model = job.hosts[index];
      if (model !== undefined && !job.isArchived)
        places.push({ job, index, model, record: this.#recordsOf(job)[index]! });
    }
    return places;
  }

  #hostOf({ job, index }: Place): number {
    return this.#options.hostsOf(job.key)[index] ?? 0;
  }

  #recordsOf(job: JobModel): PermitRecord[] {
    let records = this.#records.get(job.job);
    if (records === undefined) {
      records = job.hosts.map(() => ({
        isPermitted: false,
        held: 'no',
        isAsked: false,
        isGuarded: false,
        order: 0,
      }));
      this.#records.set(job.job, records);
    }
    return records;
  }

  #violated(rule: string, place: Place, what: string): void {
    const { job, model } = place;
    this.#options.violated(
      rule,
      `h${this.#hostOf(place)} of job ${job.job} (attempt ${model.attempt}) ${what}`,
    );
  }
}

/** An attempt of it may be under way (E1). */
function isLive({ record, model }: Place): boolean {
  return record.isPermitted || isOpenUnknown(model) || model.earlier.length > 0;
}

/** (1) */
function counts(place: Place, how: 'perhaps' | 'surely' = 'perhaps'): boolean {
  const { held } = place.record;
  return isLive(place) || held === 'yes' || (how === 'perhaps' && held === 'perhaps');
}

/** (S4) It keeps no later host of its job waiting. */
function isDone(place: Place): boolean {
  const { job, model } = place;
  if (model.isSkipped || (model.phase === 'ended' && model.outcome?.state === 'succeeded')) return true;
  const isOver = model.phase === 'ended' || model.phase === 'never';
  return job.goesOnAfterFailure && isOver && !isLive(place);
}
