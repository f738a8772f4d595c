/**
 * Finds what a test left behind: processes that it started, sockets, timers and other things that keep this process
 * awake, and temporary directories.
 */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Clock, delay, systemClock } from '@pogo/lifecycle';
import { ownNames, ownPid } from './owner.js';
import { descendantsOf, environmentOf, type ProcessEntry, processTable } from './process-table.js';

export interface LeakTrackerOptions {
  /** Pass `() => process.getActiveResourcesInfo()`. Without it, sockets and timers aren't looked at. */
  activeResources?: () => string[];
  /** How long what was stopped may take to be gone; 5 s by default. */
  patienceMs?: number;
  clock?: Clock;
}

export interface LeakTracker {
  /** What is there now and wasn't at `trackLeaks`, one line each. */
  leaks(): string[];
  /** Throws, naming each, if something is left. A closing socket or an ending process is waited for. */
  assertNoLeaks(): Promise<void>;
}

/** What keeps a process awake without being anybody's leak: its own stdio, and the runner's ways to talk to it. */
const ordinary = /^(TTYWrap|MessagePort|Worker|CloseReq|Immediate|TickObject|PipeWrap)$/;

interface Snapshot {
  processes: Map<string, string>;
  resources: string[];
  directories: Set<string>;
}

/** Descendants, and those that lost their parent but carry a name of ours: an account, a temporary directory. */
function ownProcesses(): ProcessEntry[] {
  const table = processTable();
  const descendants = new Set(descendantsOf(ownPid(), table));
  const names = ownNames();
  return table.filter(
    (entry) =>
      descendants.has(entry) ||
      [...entry.argv, ...environmentOf(entry.pid)].some((word) => word.includes(names)),
  );
}

/** Notes what is there; `assertNoLeaks` compares. */
export function trackLeaks(options: LeakTrackerOptions = {}): LeakTracker {
  const { activeResources = () => [], patienceMs = 5_000, clock = systemClock } = options;
  const take = (): Snapshot => ({
    processes: new Map(ownProcesses().map((entry) => [`${entry.pid}`, entry.argv.join(' ')])),
    resources: activeResources().filter((resource) => !ordinary.test(resource)),
    directories: new Set(readdirSync(tmpdir()).filter((name) => name.startsWith(ownNames()))),
  });
  const before = take();
  const leaks = (): string[] => {
    const now = take();
    const resources = [...now.resources];
    for (const resource of before.resources) {
      const index = resources.indexOf(resource);
      if (index >= 0) resources.splice(index, 1);
    }
    return [
      ...[...now.processes]
        .filter(([pid]) => !before.processes.has(pid))
        .map(([pid, commandLine]) => `process ${pid}: ${commandLine}`),
      ...resources.map((resource) => `active resource: ${resource}`),
      ...[...now.directories]
        .filter((name) => !before.directories.has(name))
        .map((name) => `directory: ${tmpdir()}/${name}`),
    ];
  };
  return {
    leaks,
    async assertNoLeaks() {
      const untilMs = clock.monotonicMs() + patienceMs;
      let left = leaks();
      // Looking again takes a timer of ours, so it is set before and gone when the look is taken.
      while (left.length > 0 && clock.monotonicMs() < untilMs) {
        await delay(clock, 20);
        left = leaks();
      }
      if (left.length > 0) throw new Error(`left behind:\n  ${left.join('\n  ')}`);
    },
  };
}
