/** `pogo workers drain NAME`: lets a worker run empty, and says when it is. */
import { delay } from '@pogo/lifecycle';
import type { DrainResponse, WorkerDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failed, type Result, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { drainText } from '../render/standing-text.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';

const pollMs = 1000;

export function drainWorker(
  environment: Environment,
  name: string,
  { note, wait, json }: { note: string | undefined; wait: boolean; json: boolean },
): Promise<Result<ExitCode>> {
  return withDispatcher(environment, async ({ dispatcher }) => {
    const answer = await dispatcher.drain(name, note === undefined ? {} : { note });
    if (!answer.ok) return answer;
    const told = toldEverywhere(answer.value);
    if (!told.ok) return told;
    const { worker } = answer.value;
    say(environment, drainingText(worker));
    const empty =
      wait && worker.assigned > 0 ? await untilEmpty(environment, dispatcher, name) : success(worker);
    if (!empty.ok) return empty;
    if (wait || worker.assigned === 0) say(environment, `${name} has no host left: it can be stopped`);
    return shown(environment, json, { ...answer.value, worker: empty.value });
  });
}

export function liftDrain(environment: Environment, name: string, json: boolean): Promise<Result<ExitCode>> {
  return withDispatcher(environment, async ({ dispatcher }) => {
    const answer = await dispatcher.undrain(name);
    if (!answer.ok) return answer;
    const told = toldEverywhere(answer.value);
    if (!told.ok) return told;
    say(environment, `${name} is not being drained any more: it gets hosts again`);
    return shown(environment, json, answer.value);
  });
}

/** What only some namespaces know is not done. */
function toldEverywhere({ worker, untold }: DrainResponse): Result<undefined> {
  if (untold.length === 0) return success(undefined);
  return failed({
    code: 'not-everywhere',
    message: `${untold.join(', ')} could not be told, and may go on as before with ${worker.name}: say it again shortly; \`pogo workers\` shows what is known`,
    exitCode: exitCodes.error,
  });
}

async function untilEmpty(
  { clock }: Environment,
  dispatcher: Dispatcher,
  name: string,
): Promise<Result<WorkerDocument>> {
  for (;;) {
    const found = await dispatcher.workers();
    if (!found.ok) return found;
    const worker = found.value.workers.find((one) => one.name === name);
    if (worker?.drain === undefined) {
      return failed({
        code: 'drain-lifted',
        message: `somebody has given ${name} hosts again meanwhile: it is not empty, and does not become so`,
        exitCode: exitCodes.error,
      });
    }
    if (worker.assigned === 0) return success(worker);
    await delay(clock, pollMs);
  }
}

/** Who drained it first is who is named. */
function drainingText({ name, assigned, drain }: WorkerDocument): string {
  const left = assigned === 0 ? 'nothing' : assigned === 1 ? '1 host' : `${assigned} hosts`;
  const how = drain === undefined ? 'draining' : drainText(drain);
  return `${name} is ${how}: it gets no further host, and has ${left} left; \`pogo workers\` shows when it is empty, \`pogo workers drain ${name} --off\` ends this`;
}

function say({ stderr }: Environment, line: string): void {
  stderr.write(`${neutralise(line)}\n`);
}

function shown(
  environment: Environment,
  json: boolean,
  answer: DrainResponse,
): Promise<Result<ExitCode>> | Result<ExitCode> {
  return json
    ? printed(environment, `${JSON.stringify(answer, undefined, 2)}\n`)
    : success(exitCodes.success);
}
