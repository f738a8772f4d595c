/**
 * Outcomes are kept by the ten thousand, and most of what they say is the same for host after host: parsed ones share it. A
 * parser makes every long string and every object anew, however often it has read the same.
 */
import { type Outcome, outcomeSteps, type OutputDigest, reasonCodes } from './outcome.js';
import { outcomeStates } from './states.js';

const names = new Map<string, string>(
  [...outcomeStates, ...reasonCodes, ...outcomeSteps].map((name) => [name, name]),
);

/** Of a stream without a byte. */
const empty: OutputDigest = Object.freeze({
  bytes: 0,
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
});

const [key, password, dialogue] = ['publickey', 'password', 'keyboard-interactive'] as const;
/** What logins usually try, by its text. */
const methodLists = new Map(
  [[], [key], [password], [dialogue], [key, password], [key, dialogue], [password, dialogue]].map(
    (methods): [string, readonly string[]] => [methods.join(' '), Object.freeze(methods)],
  ),
);

/** The same outcome; nobody may change what it holds. */
export function keptOutcome<T extends Outcome>(outcome: T): T {
  const { state, reason, step, methodsTried, stdout, stderr } = outcome;
  const shared: Partial<Outcome> = {
    state: sharedName(state),
    ...(reason !== undefined && { reason: sharedName(reason) }),
    ...(step !== undefined && { step: sharedName(step) }),
    ...(methodsTried && { methodsTried: methodLists.get(methodsTried.join(' ')) ?? methodsTried }),
    ...(stdout && { stdout: sharedDigest(stdout) }),
    ...(stderr && { stderr: sharedDigest(stderr) }),
  };
  return Object.assign(outcome, shared);
}

function sharedName<T extends string>(name: T): T {
  return (names.get(name) ?? name) as T;
}

function sharedDigest(digest: OutputDigest): OutputDigest {
  return digest.bytes === 0 && digest.sha256 === empty.sha256 ? empty : digest;
}
