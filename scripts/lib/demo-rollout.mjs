// The demo's rollout: limits for groups of hosts, what they come to, why a host waits, and what the log says afterwards.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = `apps:
  backend:  [ '127.0.1.1' ]
  frontend: [ '127.0.1.[2-5]' ]
envs:
  site:
    here: [ '@*' ]
constraints:
  site:
    concurrency: { frontend: 50%, backend: 1 }
    sequence: [ [ backend, frontend ] ]
`;

/**
 * `login` are options that reach 127.0.1.[1-5]. `show` runs a command as the reader sees it, and gives its exit code; `begin`
 * does so in the background: `ended` gives it later. `ask` gives what a command answers, and shows nothing.
 */
export async function demoRollout({ say, show, begin, ask, expectExit, login, directory }) {
  say(
    'Limits for a whole site: at most half of the frontends at once, backends before frontends, over all jobs',
  );
  writeFileSync(join(directory, 'site.yaml'), file);
  process.stdout.write(`\n$ cat site.yaml\n${file}`);
  expectExit(await show(['ns', 'apply', 'site.yaml']), 0, 'pogo ns apply');

  // The command waits for this file, so that there is time to ask what the others wait for.
  const gate = join(directory, 'site-is-up');
  const script = `while [ ! -e ${gate} ]; do sleep 0.1; done; echo "restarted $POGO_HOST"`;
  const job = ['-h', '@backend,@frontend', ...login, '--', 'sh', '-c', script];

  say('What a run would do, before anything runs');
  expectExit(await show(['plan', ...job]), 0, 'pogo plan');

  say('The run: the backend is under way, the frontends wait for it, and say so');
  const run = begin(['run', ...job]);
  let isOver = false;
  void run.ended.then(() => (isOver = true));
  while (!(await isRunning(ask))) if (isOver) throw new Error('the rollout ended before it was under way');
  expectExit(await show(['explain', 'last']), 0, 'pogo explain');
  writeFileSync(gate, '');
  expectExit(await run.ended, 0, 'the rollout');

  say('What became of it: most at once against each limit, and who waited for whom, recounted from the log');
  expectExit(await show(['report', 'last']), 0, 'pogo report');
}

/** Whether the newest job is this one, with its backend under way. */
async function isRunning(ask) {
  const answer = await ask(['status', 'last', '--json']);
  const { job } = JSON.parse(answer);
  return job.hosts === 5 && job.counts.running === 1;
}
