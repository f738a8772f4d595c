#!/usr/bin/env node
/**
 * The short-lived process that opens one job's credentials and runs its hosts. Descriptor 3 is the pipe to the worker.
 *
 * 1. Started ahead, it says `ready` before it loads anything heavy, and loads that while it waits.
 * 2. No signal makes it open an inspector or write its memory down.
 * 3. When the pipe ends, so does everything here.
 */
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { systemClock } from '@pogo/lifecycle';
import { productVersion, type RexecMessage, rexecOrderSchema } from '@pogo/protocol';
import { PipeFrames } from '@pogo/wire';
import type { RunJob } from './run-job.js';

const linkDescriptor = 3;

// Node opens an inspector on SIGUSR1 unless somebody else listens (--disable-sigusr1 came after Node 20), and --heapsnapshot-signal
// in NODE_OPTIONS would take another.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);
// The worker ends this process by the pipe; a terminal's Ctrl-C is for the worker.
process.on('SIGINT', () => undefined);
if (process.report) {
  process.report.reportOnFatalError = false;
  process.report.reportOnSignal = false;
  process.report.reportOnUncaughtException = false;
}

const pipe = openPipe();
let running: RunJob | undefined;
let gone = false;
/** Something came while the rest was still loading: there is no time for warming up. */
let ordered = false;
const frames = new PipeFrames(pipe, {
  json: (value) => void take(value),
  output: () => undefined,
  closed: () => {
    gone = true;
    running?.abandon();
    process.exit(0);
  },
});
const send = (message: RexecMessage) => void frames.sendJson(message);

send({ type: 'ready', version: productVersion, pid: process.pid });

const starting = start();
starting.catch((error: unknown) => {
  send({ type: 'log', level: 'error', message: `rexec cannot start: ${String(error)}` });
  process.exitCode = 1;
  frames.end();
});

function openPipe(): Socket {
  try {
    return new Socket({ fd: linkDescriptor, readable: true, writable: true });
  } catch {
    process.stderr.write(
      'pogo-rexec: no-worker: descriptor 3 is no pipe to a worker. This program is started by pogo-worker; see `pogo up`.\n',
    );
    process.exit(2);
  }
}

async function start(): Promise<RunJob> {
  const { RunJob, Ssh2Transport, warmUp } = await import('./index.js');
  running = new RunJob({
    clock: systemClock,
    transport: new Ssh2Transport({ clock: systemClock }),
    newNonce: () => randomBytes(16).toString('hex'),
    link: {
      send,
      output: (frame) => frames.sendOutput(frame),
      drained: () => frames.drained(),
    },
  });
  if (gone) running.abandon();
  void running.ended.then(() => frames.end());
  if (!ordered) warmUp();
  return running;
}

/** Orders are taken in the order in which they came: all wait for the same promise. */
async function take(value: unknown): Promise<void> {
  ordered = true;
  const order = rexecOrderSchema.safeParse(value);
  if (!order.success) {
    send({ type: 'log', level: 'error', message: 'an order of no known form came from the worker' });
    return;
  }
  (await starting).take(order.data);
}
