/**
 * One seed, from the first event to the last: builds the fleet, lets things happen and go wrong, then lets everything
 * settle, and says what was seen.
 *
 * 1. Faults stop at a moment that the seed names; from then on everything works, and the jobs have to come to an end.
 * 2. Same seed and options, same trace: whatever is not derived from the seed is a bug of the simulator.
 */
import { pino } from 'pino';
import { Census } from './census.js';
import { Checker, isSettled, type Violation } from './checker/checker.js';
import { NamespaceModel } from './checker/namespace-model.js';
import { SimulatedClient } from './client/simulated-client.js';
import { SimulatedOperator } from './client/simulated-operator.js';
import { DispatcherMachine } from './dispatcher/dispatcher-machine.js';
import { Faults } from './faults.js';
import { type CommandWatcher, SimulatedHost } from './hosts/simulated-host.js';
import { HostScripts } from './hosts/host-scripts.js';
import { numberOf } from './namespaces/namespace-plan.js';
import type { CallWatcher } from './network/call.js';
import { Idleness } from './idleness.js';
import { Network } from './network/network.js';
import { type BugName, plant } from './planted-bugs.js';
import { Random } from './random.js';
import { type Scenario, scenarioOf, type ScenarioSize } from './scenario.js';
import { Backing } from './store/backing.js';
import { Elections } from './store/elections.js';
import { Trace } from './trace.js';
import { VirtualTime } from './virtual-time.js';
import { WorkerMachine } from './worker/worker-machine.js';

export interface SimulationOptions extends ScenarioSize {
  seed: number;
  bug?: BugName | undefined;
  /** Gets the trace line by line. */
  print?: ((line: string) => void) | undefined;
}

export interface SimulationResult {
  seed: number;
  violations: readonly Violation[];
  /** Hex SHA-256 of the complete trace. */
  digest: string;
  events: number;
  virtualMs: number;
  /** Commands that began on hosts. */
  commands: number;
  /** How often what came about: entries of the log, answers to orders, conflicts. */
  seen: ReadonlyMap<string, number>;
}

/** Within the validity of the simulated certificates. */
const wallStartMs = Date.UTC(2027, 0, 1);
/** After the faults, by when everything must have settled. */
const settleLimitMs = 1_200_000;
/** How long it goes on after everything has settled: nothing may come undone. */
const restMs = 3000;

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const root = new Random(`seed ${options.seed}`);
  const scenario = scenarioOf(root.fork('scenario'), options);
  const time = new VirtualTime();
  const trace = new Trace({ time, print: options.print });
  const census = new Census();
  const checker = new Checker({
    nowMs: () => time.nowMs,
    noted: (what) => census.note(what),
    hostsOf: (key) => scenario.jobs.find((job) => job.key === key)?.hosts ?? [],
    namespaceOf: (ref) => storedNamespace(backing, scenario, ref),
  });
  const violated = (rule: string, what: string) => checker.violated(rule, what);

  const backing = new Backing({
    appended: (index, { writer, id, body }) => {
      const text = Buffer.from(body).toString('utf8');
      trace.add('log', `${index} ${writer} ${id} ${text}`);
      census.batch(text);
      checker.batchAppended(index, body);
      faults.batchAppended(writer);
    },
    conflicted: () => census.note('append conflicts'),
  });
  const watchers: CallWatcher[] = [checker, census];
  const workerNames = Array.from({ length: scenario.workers }, (_, at) => `worker-${at + 1}`);
  const bug =
    options.bug &&
    plant(options.bug, {
      random: root.fork('bug'),
      inject: (call) => network.inject(call),
      workers: workerNames,
    });
  const lateness = { ...scenario.lateness };
  const network = new Network({
    time,
    trace,
    random: root.fork('network'),
    watchers,
    tampering: bug?.tampering,
    lateness,
    doubling: { ...scenario.doubling },
  });
  const weather = { ...scenario.store, outageUntilMs: 0 };
  const elections = new Elections(time);
  const commandWatchers: CommandWatcher[] = [checker];
  const hosts = Array.from(
    { length: scenario.hosts },
    (_, at) =>
      new SimulatedHost(`h${at + 1}`, { time, trace, watchers: commandWatchers, hasLock: scenario.hasLocks }),
  );
  const logger = pino(
    { level: options.print === undefined ? 'warn' : 'debug', timestamp: false, base: null },
    { write: (line) => heed(line, trace, violated) },
  );
  const dispatchers = Array.from(
    { length: scenario.dispatchers },
    (_, at) =>
      new DispatcherMachine({
        name: `dispatcher-${at + 1}`,
        time,
        trace,
        random: root.fork(`dispatcher ${at}`),
        network,
        store: { backing, elections, weather },
        bug,
        logger,
        wallStartMs,
        workerLostAfterMs: scenario.workerLostAfterMs,
        snapshotEveryEntries: scenario.snapshotEveryEntries,
        archiveAfterMs: scenario.archiveAfterMs,
        violated,
      }),
  );
  const scripts = new HostScripts(root.fork('scripts'), scenario, hosts, checker);
  const workers = workerNames.map(
    (name, at) =>
      new WorkerMachine({
        name,
        dispatchers: dispatchers.map(({ url }) => url),
        time,
        trace,
        random: root.fork(`worker ${at}`),
        network,
        script: (job, host, attempt) => scripts.of(job, host, attempt),
        maxConnections: scenario.maxConnections,
        wallStartMs,
        journalBug: bug?.journal,
        violated,
      }),
  );
  const faults = new Faults({
    dispatchers,
    workers,
    hosts,
    network,
    elections,
    weather,
    time,
    trace,
    random: root.fork('faults'),
    untilMs: scenario.faultsUntilMs,
    faults: scenario.faults,
    traps: scenario.traps,
  });
  watchers.push(faults);
  commandWatchers.push(faults);
  const clients = scenario.jobs.map(
    (plan, at) =>
      new SimulatedClient({
        plan,
        dispatchers,
        time,
        trace,
        random: root.fork(`client ${at}`),
        checker,
        isToldNo: (key) => bug?.isToldNo?.(key) ?? false,
      }),
  );

  const operator = new SimulatedOperator({
    changes: scenario.namespaces,
    dispatchers,
    time,
    trace,
    random: root.fork('operator'),
    checker,
  });

  const everyone = [...clients, operator];
  for (const machine of [...dispatchers, ...workers]) machine.start();
  await time.run(scenario.faultsUntilMs, () => false);
  calm();
  const idleness = new Idleness({
    time,
    machines: [...dispatchers, ...workers],
    check: () => checker.checkIdle(),
  });
  let settledMs: number | undefined;
  await time.run(scenario.faultsUntilMs + settleLimitMs, () => {
    idleness.look(checker.batches);
    const isDone = everyone.every((one) => one.isDone) && [...checker.jobs].every(isSettled);
    settledMs = isDone ? (settledMs ?? time.nowMs) : undefined;
    return settledMs !== undefined && time.nowMs - settledMs > restMs;
  });
  if (!everyone.every((one) => one.isDone)) violated('I6', 'a client still waits for its answer');
  checker.checkEnd();
  for (const { rule, what, atMs } of checker.violations) trace.add('checker', `${rule} at ${atMs}: ${what}`);
  return {
    seed: options.seed,
    violations: checker.violations,
    digest: trace.digest(),
    events: time.happened,
    virtualMs: time.nowMs,
    commands: checker.begunCount,
    seen: census.seen,
  };

  /** (1) */
  function calm(): void {
    trace.add('weather', 'is calm from here on');
    network.calm();
    Object.assign(weather, { doubt: 0, slow: 0, staleRead: 0, outageUntilMs: 0 });
    for (const one of everyone) one.calm();
  }
}

/** The scenario's version that the document is, as it is stored: its text says which one (namespace-plan.ts). */
function storedNamespace(
  backing: Backing,
  { namespaces }: Scenario,
  ref: string,
): NamespaceModel | undefined {
  const stored = backing.get(ref);
  if (stored === undefined) return undefined;
  // A tag stands before what a small document holds.
  const { text } = JSON.parse(Buffer.from(stored.value.subarray(1)).toString('utf8')) as { text: string };
  const plan = namespaces.find((change) => change.plan.number === numberOf(text))?.plan;
  return plan && new NamespaceModel(plan);
}

/** A dispatcher that notices a bug of its own says so in its log. */
function heed(line: string, trace: Trace, violated: (rule: string, what: string) => void): void {
  const record = JSON.parse(line) as {
    end?: string;
    detail?: string;
    err?: { type: string; stack?: string };
    msg: string;
  };
  if (trace.isPrinted) trace.remark('dispatcher', line.trim());
  if (record.end === 'failed') violated('bug', `${record.msg}: ${record.detail ?? ''}`);
  if (record.err !== undefined && record.err.type !== 'StoreError')
    violated('bug', `${record.msg}: ${record.err.stack ?? record.err.type}`);
}
