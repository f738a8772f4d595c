/**
 * Runs a practice host's commands as the current user with the local `/bin/sh`, as sshd would run them for that user.
 *
 * 1. A command has a session of its own (setsid), and no terminal.
 * 2. A closed channel is an end of file and a broken pipe to it, no signal, as with OpenSSH. It has `graceMs` to see
 *    that and clear up; what is left then is killed.
 * 3. `stop` kills at once what any of its commands left. Where there is /proc, that finds whatever descends from a
 *    command, by a mark in the environment; elsewhere its process group.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type Clock, delay } from '@pogo/lifecycle';
import type { CommandEnd, CommandExecution, CommandExecutor, CommandRequest } from './command-execution.js';
import { PipeMaker } from './pipe-maker.js';
import { endProcesses, markedProcesses, signalProcesses } from './process-table.js';

const markName = 'POGO_PRACTICE_COMMAND';
const signalNames = /^(HUP|INT|KILL|QUIT|TERM|USR1|USR2)$/;

export interface LocalShellOptions {
  clock: Clock;
  /** Where its pipes are made; private. */
  directory: string;
  /** How long a command may go on after its channel closed; 5 s by default. */
  graceMs?: number;
  /** Environment of every command; PATH above all. */
  environment: Readonly<Record<string, string>>;
}

export function localShell(options: LocalShellOptions): CommandExecutor {
  const { clock, graceMs = 5_000, environment } = options;
  const mark = randomUUID();
  const pipes = new PipeMaker(options.directory);
  const running = new Set<() => Promise<void>>();
  let commands = 0;

  const execute = (request: CommandRequest): CommandExecution => {
    const commandMark = `${mark}/${++commands}`;
    const stdin = pipes.toChild();
    const stdout = pipes.fromChild();
    const stderr = pipes.fromChild();
    const child = spawn('/bin/sh', ['-c', request.command], {
      cwd: request.home,
      detached: true,
      stdio: [stdin.childEnd, stdout.childEnd, stderr.childEnd],
      env: {
        ...environment,
        HOME: request.home,
        TMPDIR: request.home,
        SHELL: '/bin/sh',
        ...request.environment,
        [markName]: commandMark,
      },
    });
    for (const pipe of [stdin, stdout, stderr]) pipe.release();
    const letGo = () => {
      for (const pipe of [stdin, stdout, stderr]) pipe.stream.destroy();
    };
    const over = new AbortController();
    const exited = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => {
      stdin.stream.destroy();
      request.onExit(endOf(code, signal));
    });
    feed(request.stdin, stdin.stream);
    const drained = [relay(stdout.stream, request.stdout), relay(stderr.stream, request.stderr)];

    const kill = async () => {
      over.abort();
      if (child.exitCode === null && child.signalCode === null) signalProcesses('KILL', [-child.pid!]);
      endProcesses(() => markedProcesses(markName, commandMark));
      letGo();
      await exited;
      running.delete(kill);
    };
    running.add(kill);
    const done = Promise.all([exited, ...drained]).then(() => {
      over.abort();
      running.delete(kill);
    });
    return {
      done,
      signal(name) {
        if (signalNames.test(name)) signalProcesses(name, [-child.pid!]);
      },
      hangUp() {
        letGo();
        void delay(clock, graceMs, over.signal).then((graceIsOver) => (graceIsOver ? kill() : undefined));
      },
    };
  };

  return {
    execute,
    async stop() {
      await Promise.all([...running].map((kill) => kill()));
      // Daemons that outlived their command.
      endProcesses(() => markedProcesses(markName, mark));
      pipes.remove();
    },
  };
}

/** Copies what the client sends; its end is the command's end of file. */
function feed(source: Readable, sink: Socket): void {
  // The command may close its stdin, or end, while the client still writes.
  sink.on('error', () => undefined);
  sink.once('close', () => source.resume());
  source.pipe(sink, { end: false });
  source.once('end', () => sink.write('', () => sink.destroy()));
}

/** Copies all of `source`, with back-pressure; resolves when the last byte was read, or one side is gone. */
function relay(source: Readable, sink: Writable): Promise<void> {
  return new Promise((resolve) => {
    source.once('close', resolve);
    source.once('error', () => source.destroy());
    source.pipe(sink, { end: false });
  });
}

function endOf(
  code: number | string | null | undefined,
  signal: number | string | null | undefined,
): CommandEnd {
  return typeof code === 'number'
    ? { kind: 'status', status: code }
    : { kind: 'signal', signal: String(signal).replace(/^SIG/, '') };
}
