/**
 * What commands noted on the hosts, and what the process table says of those that could not note their end: the truth that
 * everything else is held against. Of the product it uses nothing.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { systemClock, type Timer } from '@pogo/lifecycle';

export interface HostCommand {
  readonly job: number;
  readonly attempt: number;
  /** Address of the host. */
  readonly host: string;
  /** Where the SSH connection came from. */
  readonly from: string;
  readonly pid: number;
  /** Wall clock, in milliseconds since 1970; times are up to 10 ms early. */
  readonly beganAtMs: number;
  /** The exit status that it noted, when it did. */
  exitCode: number | undefined;
  /** When it noted that; or, where it didn't and is gone, when it was seen last. Undefined while it runs. */
  endedAtMs: number | undefined;
  /** How often it has noted a beginning under this name: 1. */
  readonly isRepeated: boolean;
}

/** What happened, in the order in which it did. */
export interface HostEvent {
  readonly kind: 'begin' | 'end';
  readonly command: HostCommand;
}

/** How often the process table is looked at, in milliseconds. */
const lookEveryMs = 100;

export class HostRecord {
  readonly #file: string;
  readonly #commands = new Map<string, HostCommand>();
  readonly #events: HostEvent[] = [];
  /** Started when, by process id; of those that haven't ended. */
  readonly #running = new Map<HostCommand, { birth: string; seenAtMs: number }>();
  /** How far the file was read, in bytes. */
  #read = 0;
  /** Wall clock less time since boot. */
  #bootedAtMs: number;
  #timer: Timer;

  constructor(file: string) {
    this.#file = file;
    this.#bootedAtMs = bootedAtMs();
    const look = () => {
      this.look();
      this.#timer = systemClock.setTimer(lookEveryMs, look);
    };
    this.#timer = systemClock.setTimer(lookEveryMs, look);
  }

  get events(): readonly HostEvent[] {
    return this.#events;
  }

  get commands(): HostCommand[] {
    return [...this.#commands.values()];
  }

  /** Reads what is new, and looks who still runs. */
  look(): void {
    for (const line of this.#newLines()) this.#take(line);
    for (const [command, running] of this.#running) {
      if (birthOf(command.pid) === running.birth) {
        running.seenAtMs = systemClock.wallMs();
        continue;
      }
      this.#running.delete(command);
      command.endedAtMs ??= running.seenAtMs;
      if (command.exitCode === undefined) this.#events.push({ kind: 'end', command });
    }
  }

  /** Begins a round: clocks may have been set since the last one. */
  refresh(): void {
    this.#bootedAtMs = bootedAtMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #newLines(): string[] {
    if (!existsSync(this.#file)) return [];
    const file = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#read);
      readSync(file, bytes, 0, bytes.length, this.#read);
      const end = bytes.lastIndexOf('\n') + 1;
      this.#read += end;
      return bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
    } finally {
      closeSync(file);
    }
  }

  #take(line: string): void {
    const [kind, id = '', attempt, host = '', up, pid, from = '', code] = line.split(' ');
    const job = Number(id.slice(1));
    const atMs = this.#bootedAtMs + Number(up) * 1000;
    const name = `${job}/${attempt}/${host}`;
    const known = this.#commands.get(name);
    if (kind === 'begin') {
      const command: HostCommand = {
        job,
        attempt: Number(attempt),
        host,
        from,
        pid: Number(pid),
        beganAtMs: atMs,
        exitCode: undefined,
        endedAtMs: undefined,
        isRepeated: known !== undefined,
      };
      this.#commands.set(name, command);
      this.#events.push({ kind: 'begin', command });
      const birth = birthOf(command.pid);
      this.#running.set(command, { birth: birth ?? 'gone', seenAtMs: atMs });
    } else if (kind === 'end' && known !== undefined && known.exitCode === undefined) {
      known.exitCode = Number(code);
      // The look may have found it gone just before this line was read.
      if (known.endedAtMs === undefined) this.#events.push({ kind: 'end', command: known });
      known.endedAtMs = atMs;
    } else {
      throw new Error(`not a line of the hosts' record: ${line}`);
    }
  }
}

/** Tells one process from another that gets its number later; undefined when it is gone. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** /proc/uptime has hundredths of a second: the moment at which it changes is exact. */
function bootedAtMs(): number {
  const uptime = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const before = uptime();
  for (;;) {
    const up = uptime();
    if (up !== before) return systemClock.wallMs() - up * 1000;
  }
}
