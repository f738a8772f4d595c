/**
 * An rexec of a simulated worker: it speaks the rexec link, and acts as the real one does towards hosts.
 *
 * 1. Whoever dies is noticed by the other after what it had still said: `ended` comes last.
 * 2. A report of an end says what the host said, or `unknown`; a guess is nowhere.
 */
import type { AttemptReport, OutputFrame, RexecMessage, RexecOrder } from '@pogo/protocol';
import type { ProcessIdentity, Rexec, RexecEnd, RexecHandlers } from '@pogo/worker';
import type { Random } from '../random.js';
import { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import { type AttemptOutcome, busy, lost, outcomeOf } from './attempt-outcome.js';
import type { CommandEnd, SimulatedHost } from './simulated-host.js';
import { SimulatedPipe } from './simulated-pipe.js';

/** What a host does with one attempt. */
export interface HostScript {
  host: SimulatedHost;
  dial: 'ok' | 'unreachable' | 'auth-failed';
  dialMs: number;
  durationMs: number;
  exitCode: number;
}

export interface RexecSurroundings {
  time: VirtualTime;
  trace: Trace;
  random: Random;
  /** By job, host index and attempt; without an attempt for what concerns the host alone. */
  script: (job: number, host: number, attempt?: number) => HostScript;
}

interface Ordered {
  host: number;
  attempt: number;
  index: number;
  fence: boolean;
}

interface Running {
  attempt: number;
  ordered: Ordered;
  script: HostScript;
  /** `handed`: the stub is on the host, or on its way there. */
  phase: 'dialling' | 'handed' | 'cut';
  /** When its host's last word arrives here. */
  lastHeardMs: number;
}

export class SimulatedRexec implements Rexec {
  readonly ended: Promise<RexecEnd>;
  readonly ready: Promise<boolean>;
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly process: SimulatedProcess;
  readonly #worker: { process: SimulatedProcess; name: string };
  readonly #surroundings: RexecSurroundings;
  readonly #toRexec: SimulatedPipe;
  readonly #toWorker: SimulatedPipe;
  #handlers: RexecHandlers | undefined;
  #resolveEnded: (end: RexecEnd) => void = () => undefined;
  #resolveReady: (ready: boolean) => void = () => undefined;
  #hasStarted = false;
  #unread: RexecOrder[] = [];
  #isReady = false;
  #isOver = false;
  #description = 'was ended by SIGKILL';
  #isOrderly = false;
  #job = 0;
  #timeoutMs = 0;
  #isHalted = false;
  #isClosing = false;
  readonly #running = new Map<number, Running>();
  /** Questions without an answer. */
  #asked = 0;

  constructor(
    options: RexecSurroundings & { pid: number; worker: { process: SimulatedProcess; name: string } },
  ) {
    const { time, random, pid, worker } = options;
    this.#surroundings = options;
    this.#worker = worker;
    this.pid = pid;
    this.identity = { pid, startTime: 'simulated' };
    this.process = new SimulatedProcess({ name: `${worker.name} rexec-${pid}`, time, wallOffsetMs: 0 });
    this.#toRexec = new SimulatedPipe({ time, random, reader: this.process });
    this.#toWorker = new SimulatedPipe({ time, random, reader: worker.process });
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve));
    this.process.onExit(() => this.#exited());
    // It may live a little longer than its worker, and finds the pipe closed after what stands in it.
    worker.process.onExit(() => this.#toRexec.write(() => this.#exitSoon()));
    time.schedule(random.spread(20, 400), () => this.process.deliver(() => this.#start()));
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  serve(handlers: RexecHandlers): void {
    this.#handlers = handlers;
  }

  send(order: RexecOrder): void {
    // It says that it is up before it reads anything.
    this.#toRexec.write(() => (this.#hasStarted ? this.#obey(order) : this.#unread.push(order)));
  }

  /** Output is small here: pipes never fill. */
  pause(): void {}

  resume(): void {}

  kill(): void {
    if (this.#isOver) return;
    this.#surroundings.time.schedule(0, () => this.process.crash());
  }

  /** Attempts whose connection to a host could be cut. */
  get connected(): number[] {
    return [...this.#running].filter(([, { phase }]) => phase === 'handed').map(([host]) => host);
  }

  /** The SSH connection to a host is gone: the stub notices, and so does this side; then it asks the host what happened. */
  cut(host: number): void {
    const running = this.#running.get(host);
    if (running?.phase !== 'handed') return;
    const { time, random, trace } = this.#surroundings;
    trace.add(this.process.name, `the connection to host ${host} is cut`);
    running.phase = 'cut';
    const name = { job: this.#job, host, attempt: running.attempt };
    time.schedule(this.#hangUpMs(), () => running.script.host.kill(name, 'connection'));
    time.schedule(random.spread(1, 15_000), () => this.process.deliver(() => this.#recover(host, running)));
  }

  #start(): void {
    if (this.#surroundings.random.chance(0.01)) {
      this.#description = 'exited with status 1';
      this.process.crash();
      return;
    }
    this.#toWorker.write(() => {
      this.#isReady = true;
      this.#resolveReady(true);
    });
    this.#hasStarted = true;
    for (const order of this.#unread.splice(0)) this.#obey(order);
  }

  #obey(order: RexecOrder): void {
    this.#surroundings.trace.add(
      this.process.name,
      order.type === 'run' ? `run ${JSON.stringify(order.attempts)}` : order.type,
    );
    switch (order.type) {
      case 'open':
        this.#job = order.job;
        this.#timeoutMs = order.spec.timeouts.commandMs;
        return;
      case 'run':
        for (const ordered of order.attempts) this.#dial(ordered);
        return;
      case 'settle':
        for (const { host, attempt } of order.attempts) this.#settle(host, attempt);
        return;
      case 'recorded':
        for (const { host, attempt } of order.attempts) this.#forget(host, attempt);
        return;
      case 'halt':
        this.#halt(order.kill);
        return;
      case 'close':
        this.#isClosing = true;
        this.#exitIfDone();
        return;
    }
  }

  #dial(ordered: Ordered): void {
    const { host, attempt } = ordered;
    if (this.#isHalted) {
      this.#report({
        ...this.#name(host, attempt),
        event: 'refused',
        reason: 'halted before it was dialled',
      });
      return;
    }
    const script = this.#surroundings.script(this.#job, host, attempt);
    const running: Running = { attempt, ordered, script, phase: 'dialling', lastHeardMs: 0 };
    this.#running.set(host, running);
    this.process.clock.setTimer(script.dialMs, () => {
      if (this.#running.get(host) !== running) return;
      if (script.dial === 'ok') this.#handOver(host, running);
      else if (script.dial === 'unreachable')
        this.#finish(host, running, { state: 'unreachable', reason: 'connect-timeout' });
      else this.#finish(host, running, { state: 'auth-failed', reason: 'password-refused' });
    });
  }

  #handOver(host: number, running: Running): void {
    const { time, random, trace } = this.#surroundings;
    const { script, attempt } = running;
    this.#message({ type: 'authenticated', host });
    running.phase = 'handed';
    const name = this.#name(host, attempt);
    const hear = (act: () => void) => {
      running.lastHeardMs = Math.max(running.lastHeardMs, time.nowMs + random.spread(0.1, 20));
      time.schedule(running.lastHeardMs - time.nowMs, () =>
        this.process.deliver(() => {
          if (running.phase === 'handed') act();
        }),
      );
    };
    // What was written stands in the host's buffers: it arrives also when this process is gone by then.
    time.schedule(random.spread(0.1, 10), () => {
      script.host.run({
        ...name,
        worker: this.#worker.name,
        index: running.ordered.index,
        fence: running.ordered.fence,
        durationMs: script.durationMs,
        exitCode: script.exitCode,
        timeoutMs: this.#timeoutMs,
        began: () => hear(() => this.#report({ ...name, event: 'started' })),
        over: (end) => hear(() => this.#ended(host, running, end)),
        earlier: (earlier, end) =>
          hear(() =>
            this.#report({ ...this.#name(host, earlier), event: 'finished', outcome: outcomeOf(end) }),
          ),
      });
      if (!this.process.isAlive) this.#hangUp(script.host, name);
    });
    if (random.chance(0.2)) {
      trace.add(this.process.name, `host ${host} writes`);
      const data = Buffer.from(`output of ${host}\n`);
      this.#output({ subscription: 0, kind: 'stdout', host, attempt, offset: 0, position: 0, data });
    }
  }

  #ended(host: number, running: Running, end: CommandEnd | { kind: 'busy' | 'halted' | 'fenced' }): void {
    switch (end.kind) {
      case 'host-crash':
        return this.cut(host);
      case 'busy':
        return this.#finish(host, running, busy);
      case 'fenced':
        return this.#finish(host, running, { state: 'denied', reason: 'fenced' });
      case 'halted':
        return this.#finish(host, running, { state: 'killed', reason: 'halt-kill' });
      case 'exit':
      case 'killed':
        return this.#finish(host, running, outcomeOf(end));
    }
  }

  /** After a cut: a host that can be asked, and knows, settles it; otherwise nobody knows (2). */
  #recover(host: number, running: Running): void {
    const { random } = this.#surroundings;
    if (this.#running.get(host) !== running) return;
    const name = this.#name(host, running.attempt);
    if (random.chance(0.5)) {
      this.#finish(host, running, lost);
      return;
    }
    running.script.host.whenSettled(name, () =>
      this.process.deliver(() => {
        if (this.#running.get(host) !== running) return;
        const found = running.script.host.find(name);
        this.#finish(host, running, found.kind === 'outcome' ? outcomeOf(found.end) : lost);
      }),
    );
  }

  /** Asks the host what became of an attempt of somebody else. */
  #settle(host: number, attempt: number): void {
    const script = this.#surroundings.script(this.#job, host);
    const name = this.#name(host, attempt);
    this.#asked++;
    const answer = (report: AttemptReport) => {
      this.#asked--;
      this.#report(report);
      this.#exitIfDone();
    };
    this.process.clock.setTimer(script.dialMs, () => {
      if (script.dial !== 'ok')
        return answer({ ...name, event: 'unsettled', detail: 'the host cannot be reached' });
      this.#message({ type: 'authenticated', host });
      script.host.whenSettled(name, () =>
        this.process.deliver(() => {
          const found = script.host.find(name);
          answer(
            found.kind === 'outcome'
              ? { ...name, event: 'finished', outcome: outcomeOf(found.end) }
              : { ...name, event: 'unsettled', detail: 'the host has no record of it' },
          );
        }),
      );
    });
  }

  /** The worker has journaled the result (E4). */
  #forget(host: number, attempt: number): void {
    const { time, random, script } = this.#surroundings;
    const name = this.#name(host, attempt);
    time.schedule(random.spread(0.1, 20), () => script(this.#job, host).host.forget(name));
  }

  #halt(kill: boolean): void {
    this.#isHalted = true;
    for (const [host, running] of [...this.#running]) {
      if (running.phase === 'dialling') {
        this.#running.delete(host);
        this.#report({
          ...this.#name(host, running.attempt),
          event: 'refused',
          reason: 'halted while dialling',
        });
      } else if (kill && running.phase === 'handed') {
        const { time, random } = this.#surroundings;
        const name = this.#name(host, running.attempt);
        // Behind the stub's text on the same connection.
        time.schedule(random.spread(11, 200), () => running.script.host.kill(name, 'halt'));
      }
    }
    this.#exitIfDone();
  }

  #finish(host: number, running: Running, outcome: AttemptOutcome): void {
    if (this.#running.get(host) !== running) return;
    this.#running.delete(host);
    this.#report({ ...this.#name(host, running.attempt), event: 'finished', outcome });
    this.#exitIfDone();
  }

  #exitIfDone(): void {
    if (!this.#isClosing || this.#running.size + this.#asked > 0) return;
    this.#isOrderly = true;
    this.#description = 'exited with status 0';
    this.process.crash();
  }

  #exitSoon(): void {
    const { random } = this.#surroundings;
    // One that hangs has to be killed by whoever needs it dead.
    if (random.chance(0.1)) this.process.freeze(random.spread(1000, 60_000));
    this.process.clock.setTimer(random.spread(0.1, 300), () => this.process.crash());
  }

  /** Its connections break with it; stubs notice in their own time. */
  #exited(): void {
    this.#surroundings.trace.add(this.process.name, this.#description);
    for (const [host, { attempt, script, phase }] of this.#running) {
      if (phase === 'handed') this.#hangUp(script.host, this.#name(host, attempt));
    }
    this.#running.clear();
    this.#toWorker.write(() => {
      this.#isOver = true;
      this.#resolveReady(false);
      this.#resolveEnded({ orderly: this.#isOrderly, description: this.#description });
    });
  }

  #hangUp(host: SimulatedHost, name: { job: number; host: number; attempt: number }): void {
    this.#surroundings.time.schedule(this.#hangUpMs(), () => host.kill(name, 'connection'));
  }

  /** A closed connection shows at once; one that just went silent after the stub's limit. */
  #hangUpMs(): number {
    const { random } = this.#surroundings;
    return random.chance(0.7) ? random.spread(0.5, 50) : random.spread(50, 30_000);
  }

  #name(host: number, attempt: number): { job: number; host: number; attempt: number } {
    return { job: this.#job, host, attempt };
  }

  #report(report: AttemptReport): void {
    this.#message({ type: 'report', reports: [report] });
  }

  #message(message: RexecMessage): void {
    this.#surroundings.trace.add(this.process.name, JSON.stringify(message));
    this.#toWorker.write(() => this.#handlers?.message(message));
  }

  #output(frame: OutputFrame): void {
    this.#toWorker.write(() => this.#handlers?.output(frame));
  }
}
