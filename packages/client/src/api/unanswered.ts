/** What is said when no dispatcher did what it was asked: which were tried, and why each did not. */
import { exitCodes, type Failure } from '../failure.js';

/** One dispatcher that was asked in vain. */
export type Tried =
  /** Somebody else is at its address: nothing was sent. */
  | { readonly kind: 'untrusted'; readonly url: string; readonly cause: string }
  /** Nobody is, or contact was lost; `mayHaveArrived` when the request may have been received. */
  | {
      readonly kind: 'unreachable';
      readonly url: string;
      readonly cause: string;
      readonly mayHaveArrived: boolean;
    }
  /** It can't just now. */
  | { readonly kind: 'unable'; readonly url: string; readonly code: string; readonly cause: string };

/** @param tried at least one, in order */
export function unansweredFailure(tried: readonly Tried[]): Failure {
  return tried.length === 1 ? oneFailure(tried[0]!) : severalFailure(tried);
}

/**
 * The last of them may have done what was asked for, and asking again could do it twice.
 *
 * @param tried at least one, in order
 */
export function doubtfulFailure(tried: readonly Tried[]): Failure {
  const last = tried.at(-1)!;
  const lost = last.kind === 'unable' ? `answered: ${last.cause}` : `was asked, and then ${last.cause}.`;
  const before = tried.slice(0, -1).map((one) => `\n${triedLine(one)}`);
  return {
    code: last.kind === 'unable' ? last.code : 'dispatcher-unreachable',
    message: `${last.url} ${lost} What was asked for may have been done or not, and was not asked for again: look before you repeat it (\`pogo status\`, \`pogo ns show\`)${before.join('')}`,
    exitCode: exitCodes.error,
  };
}

function oneFailure(tried: Tried): Failure {
  if (tried.kind === 'untrusted') {
    return {
      code: 'dispatcher-untrusted',
      message: `what answers at ${tried.url} is not the dispatcher of this profile: ${tried.cause}. Nothing was sent; find out who listens there`,
      exitCode: exitCodes.error,
    };
  }
  return {
    code: tried.kind === 'unable' ? tried.code : 'dispatcher-unreachable',
    message: `no dispatcher at ${tried.url}: ${tried.cause}. Start one on this machine with \`pogo up\`, or set POGO_HOME to the directory of a running one`,
    exitCode: exitCodes.error,
  };
}

function severalFailure(tried: readonly Tried[]): Failure {
  const unable = tried.find((one) => one.kind === 'unable');
  const trusted = tried.some(({ kind }) => kind !== 'untrusted');
  const code = unable?.code ?? (trusted ? 'dispatcher-unreachable' : 'dispatcher-untrusted');
  const advice =
    unable === undefined
      ? 'See whether one of them runs, and whether these are its addresses (`url` and `others` of the profile, `dispatchers` in .pogoconf, POGO_DISPATCHERS)'
      : 'Try again shortly; if it stays so, look at the store (`/readyz` of each, and its log)';
  return {
    code,
    message: `none of ${tried.length} dispatchers could do it. ${advice}\n${tried.map(triedLine).join('\n')}`,
    exitCode: exitCodes.error,
  };
}

function triedLine(tried: Tried): string {
  const { url, cause } = tried;
  return tried.kind === 'untrusted'
    ? `  ${url}: somebody else answers there, and was sent nothing: ${cause}`
    : `  ${url}: ${cause}`;
}
