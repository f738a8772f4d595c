/**
 * The jobs of a soak: what they are, drawn from a seed, and how each is checked afterwards.
 *
 * 1. Every host of a job is in the cluster's answer exactly once.
 * 2. Where the cluster says that a command ran, the host began that attempt exactly once; where it says that nothing ran, the host
 *    knows of nothing. No attempt begins twice, whatever became of it.
 * 3. Unless the job was halted, each host ends as its address and the command would have it, with as many bytes of output.
 */
import { loopbackAddress, type ScriptedAct, type ScriptedCommand, type ScriptedMeeting } from '@pogo/testkit';

/** What the last number of an address means; hosts below it are ordinary. */
const oddities = { refuseLogin: 241, reset: 244, fails: 246, loud: 248, cut: 249, hangs: 250 } as const;
const loudFactor = 16;

/** Host addresses of a soak's jobs; the last two of each 250 only in jobs made for them. */
const pool = Array.from({ length: 1000 }, (_, index) => loopbackAddress(index + 1));
const ordinary = pool.filter((address) => lastNumber(address) < oddities.cut);

function lastNumber(address: string): number {
  return Number(address.slice(address.lastIndexOf('.') + 1));
}

export function meetingOf(address: string): ScriptedMeeting {
  const last = lastNumber(address);
  if (last >= oddities.refuseLogin && last < oddities.reset) return 'refuse-login';
  return last >= oddities.reset && last < oddities.fails ? 'reset' : 'serve';
}

/** The command `act out=BYTES err=BYTES run=MS tick=BYTES`, on the host at an address. */
export function actOf({ address, words }: Pick<ScriptedCommand, 'address' | 'words'>): ScriptedAct {
  const number = (name: string) =>
    Number(words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? 0);
  const last = lastNumber(address);
  const factor = last === oddities.loud ? loudFactor : 1;
  return {
    stdoutBytes: number('out') * factor,
    stderrBytes: number('err'),
    runMs: number('run'),
    ...(number('tick') > 0 && { tick: { everyMs: 1000, bytes: number('tick') } }),
    exitCode: last === oddities.fails || last === oddities.fails + 1 ? 3 : 0,
    ...(last === oddities.cut && { end: 'reset' }),
    ...(last === oddities.hangs && { end: 'hang' }),
  };
}

function expectedState(address: string): string {
  if (meetingOf(address) === 'refuse-login') return 'auth-failed';
  if (meetingOf(address) === 'reset') return 'unreachable';
  const { exitCode, end } = actOf({ address, words: [] });
  // Cut off, the host ends the command, and says so when it is asked.
  if (end === 'reset') return 'killed';
  if (end === 'hang') return 'timed-out';
  return exitCode === 0 ? 'succeeded' : 'failed';
}

/** How its output is taken. */
export type Reading = 'plain' | 'json' | 'jsonl' | 'gather' | 'outdir' | 'detached';

export interface SoakJob {
  addresses: readonly string[];
  words: readonly string[];
  /** Time limit of the command, in seconds. */
  timeoutSeconds: number;
  reading: Reading;
  halt: 'none' | 'halt' | 'kill';
}

/** Jobs without end: small ones often, large and loud ones now and then. */
export function* drawJobs(seed: number): Generator<SoakJob, never> {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const readings = ['plain', 'plain', 'plain', 'json', 'jsonl', 'gather', 'outdir', 'detached'] as const;
  for (;;) {
    const kind = random();
    const base = { timeoutSeconds: 60, halt: 'none' } as const;
    if (kind < 0.015) {
      const last = kind < 0.0075 ? oddities.cut : oddities.hangs;
      const addresses = [`127.0.${1 + below(4)}.${last}`];
      const reading = oneOf(readings);
      yield { ...base, addresses, words: ['act', 'out=1000'], timeoutSeconds: 2, reading };
      continue;
    }
    const size = oneOf([1, 1, 1 + below(20), 1 + below(20), 20 + below(180)]);
    const first = below(ordinary.length);
    const addresses = Array.from(
      { length: size },
      (_, index) => ordinary[(first + index) % ordinary.length]!,
    );
    if (kind < 0.08) {
      const words = ['act', 'out=100', 'run=20000'];
      yield {
        ...base,
        addresses,
        words,
        reading: 'detached',
        halt: oneOf(['halt', 'kill', 'kill'] as const),
      };
      continue;
    }
    // Mostly a line or two; 16 KB from many hosts, or a megabyte from few, now and then.
    const outputBytes = oneOf([0, 64, 64, 300, 2000, 16_384, size < 10 ? 1_000_000 : 64]);
    const words = [
      'act',
      `out=${outputBytes}`,
      ...(random() < 0.3 ? [`err=${below(500)}`] : []),
      ...(random() < 0.3 ? [`run=${below(3000)}`] : []),
    ];
    yield { ...base, addresses, words, reading: oneOf(readings) };
  }
}

/** One host of `GET /v1/jobs/:id/hosts`. */
export interface HostAnswer {
  host: string;
  state: string;
  attempt: number;
  outcome?: { stdout?: { bytes: number } };
}

/** What is wrong with a job's end, in words; empty when nothing is. */
export function faultsOf(
  job: Pick<SoakJob, 'addresses' | 'words' | 'halt'>,
  answers: readonly HostAnswer[],
  begun: ReadonlyMap<string, readonly number[]>,
): string[] {
  const faults: string[] = [];
  const answered = new Map(answers.map((answer) => [answer.host, answer]));
  if (answers.length !== job.addresses.length || answered.size !== job.addresses.length) {
    faults.push(`${answers.length} answers, for ${answered.size} of ${job.addresses.length} hosts`);
  }
  for (const address of begun.keys()) if (!answered.has(address)) faults.push(`${address} ran, unasked`);
  for (const address of job.addresses) {
    const answer = answered.get(address);
    if (answer === undefined) {
      faults.push(`${address} is missing`);
      continue;
    }
    const { state, attempt, outcome } = answer;
    const ran = begun.get(address) ?? [];
    const say = (what: string) => faults.push(`${address}: ${state}, ${what}`);
    if (new Set(ran).size < ran.length) say(`an attempt began twice: ${ran.join(', ')}`);
    const nothingRan = ['auth-failed', 'unreachable', 'denied', 'skipped', 'halted'].includes(state);
    if (nothingRan && ran.length > 0) say(`but attempt ${ran.join(', ')} began`);
    if (!nothingRan && state !== 'killed' && (ran.length !== 1 || ran[0] !== attempt)) {
      say(`attempt ${attempt}, but those that began are: ${ran.join(', ') || 'none'}`);
    }
    if (job.halt === 'none' && state !== expectedState(address)) say(`expected ${expectedState(address)}`);
    const { stdoutBytes = 0 } = actOf({ address, words: job.words });
    if (state === 'succeeded' && (outcome?.stdout?.bytes ?? 0) !== stdoutBytes) {
      say(`${outcome?.stdout?.bytes ?? 0} bytes of ${stdoutBytes}`);
    }
  }
  return faults;
}

/** Mulberry32: evenly spread numbers in [0, 1), the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
