import type { JobVerb } from '../api/dispatcher.js';
import type { Failure } from '../failure.js';

/** What to do, in the words of the command line, where the dispatcher can only say what is the matter. */
export function explainRefusal(failure: Failure, verb: JobVerb, job: string): Failure {
  const advice = adviceFor(failure.code, verb, job);
  return advice === undefined ? failure : { ...failure, message: `${withStop(failure.message)} ${advice}` };
}

function adviceFor(code: string, verb: JobVerb, job: string): string | undefined {
  switch (code) {
    case 'job-changed':
      return `\`pogo status ${job}\` shows where it stands now.`;
    case 'job-running':
      return `\`pogo status ${job}\` shows where it stands, \`pogo wait ${job}\` waits for its end, \`pogo halt ${job}\` brings it about.`;
    case 'job-ended':
      return `\`pogo status ${job}\` shows how, \`pogo retry ${job}\` runs it again where it failed.`;
    case 'nothing-to-do':
      return verb === 'retry'
        ? `\`pogo status ${job} --hosts\` shows each host; a host that succeeded is not run again, one that is unknown only when it is named: \`pogo retry ${job} EXPR\`.`
        : `\`pogo status ${job} --hosts\` shows each host.`;
    case 'host-not-unknown':
      return `Only hosts whose outcome is unknown can be ${verb === 'release' ? 'released' : 'resolved'}: \`pogo status ${job} --state unknown\` lists them.`;
    case 'worker-may-return':
      return `Wait until that worker is back, and \`pogo resolve ${job}\` asks the hosts. Only if you know that it is gone for good: \`pogo retry ${job} EXPR --fence\` says so, and leaves a mark on the hosts that turns the earlier order away. What it has begun there by then, if it lives after all, is not stopped by that.`;
    case 'dispatcher-unreachable':
      return `Whether ${verb} was taken is not known: see \`pogo status ${job}\` before you ask for it again.`;
    default:
      return undefined;
  }
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
