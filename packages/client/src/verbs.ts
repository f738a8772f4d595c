import type { Command, Verb } from './command-line/command.js';

function verb(name: string, summary: string, load: () => Promise<{ default: unknown }>): Verb {
  return { name, summary, load: async () => (await load()).default as Command };
}

// Each command is a file of its own, loaded when it is used.
const running: readonly Verb[] = [
  verb('up', 'start a dispatcher and a worker on this machine', () => import('./commands/up.js')),
  verb('run', 'run a command on hosts', () => import('./commands/run.js')),
  verb('plan', 'show what a run would do, without running it', () => import('./commands/plan.js')),
  verb('replay', 'show an ended job under other limits', () => import('./commands/replay.js')),
  verb('recipes', 'list, show or check recipes of a cookbook', () => import('./commands/recipes.js')),
];
const watching: readonly Verb[] = [
  verb('jobs', 'list jobs', () => import('./commands/jobs.js')),
  verb('status', 'show where a job and its hosts stand', () => import('./commands/status.js')),
  verb('explain', 'show what hosts of a job wait for', () => import('./commands/explain.js')),
  verb('report', 'show whether limits were kept', () => import('./commands/report.js')),
  verb('log', 'show what the hosts of a job wrote', () => import('./commands/log.js')),
  verb('wait', 'wait for the end of a job', () => import('./commands/wait.js')),
];
const steering: readonly Verb[] = [
  verb('hold', 'let a job start nothing new for now', () => import('./commands/hold.js')),
  verb('halt', 'end a job', () => import('./commands/halt.js')),
  verb('resume', 'let a job go on that waits for you', () => import('./commands/resume.js')),
  verb('alter', 'change the limits of a job', () => import('./commands/alter.js')),
  verb('retry', 'run a job again on hosts where it failed', () => import('./commands/retry.js')),
  verb('skip', 'leave out hosts that have not begun', () => import('./commands/skip.js')),
  verb('resolve', 'ask hosts what became of the unknown', () => import('./commands/resolve.js')),
  verb('release', 'say that unknown hosts are well', () => import('./commands/release.js')),
  verb('freeze', 'let nothing new start in any job', () => import('./commands/freeze.js')),
];
const knowing: readonly Verb[] = [
  verb('ping', 'show dispatcher, store and workers', () => import('./commands/ping.js')),
  verb('workers', 'show the workers, or drain one', () => import('./commands/workers.js')),
  verb('targets', 'expand, fold or count hosts', () => import('./commands/targets.js')),
  verb('hosts', 'show groups and limits of hosts', () => import('./commands/hosts.js')),
  verb('ns', 'check, apply or show the namespace file', () => import('./commands/ns.js')),
  verb('hostkeys', 'import, list or remove known host keys', () => import('./commands/hostkeys.js')),
  verb('completion', 'print the completion script of a shell', () => import('./commands/completion.js')),
];

/** Verbs by what they are for, in the order of the help. */
export const verbGroups: readonly { readonly title: string; readonly verbs: readonly Verb[] }[] = [
  { title: 'Start', verbs: running },
  { title: 'Watch jobs', verbs: watching },
  { title: 'Steer jobs', verbs: steering },
  { title: 'Hosts and set-up', verbs: knowing },
];

/** Every verb. */
export const verbs: readonly Verb[] = verbGroups.flatMap((group) => group.verbs);

/** The verb of that name. */
export function findVerb(name: string): Verb | undefined {
  return verbs.find((candidate) => candidate.name === name);
}
