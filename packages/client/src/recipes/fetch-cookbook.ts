/**
 * A cookbook from a web server.
 *
 * 1. HTTPS from the first address to the last: a redirection to anything else is not followed. Certificates are checked
 *    against those that Node trusts (`NODE_EXTRA_CA_CERTS` adds to them).
 * 2. Bounded in size, in time and in redirections. Nothing is kept for the next time, and nothing secret is sent.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '@pogo/lifecycle';
import { isCertificateError, networkCause } from '../api/network-error.js';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';

const maxRedirections = 5;
/** For all of it, redirections included. */
const timeLimitMs = 30_000;

/** The address of a cookbook; a failure says why it can't be one. */
export function cookbookUrl(text: string): Result<URL> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return usageFailure('invalid-cookbook-url', `${JSON.stringify(text)} is not a URL`);
  if (url.username !== '' || url.password !== '') {
    const message =
      'the URL of a cookbook holds no account and no password: every process of this machine could read them. Fetch it by other means, and name the file';
    return usageFailure('invalid-cookbook-url', message);
  }
  if (url.protocol !== 'https:') {
    const message = `${shownUrl(url)}: a cookbook says what runs on your hosts, and is fetched over https:// alone, so that nobody on the way can change it`;
    return usageFailure('cookbook-insecure', message);
  }
  return success(url);
}

/** Without what a query may hold. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** @param maxBytes of which one more is a failure */
export async function fetchCookbook(
  url: URL,
  { clock, maxBytes }: { readonly clock: Clock; readonly maxBytes: number },
): Promise<Result<Uint8Array>> {
  const time = new AbortController();
  const timer = clock.setTimer(timeLimitMs, () => time.abort());
  try {
    let at = url;
    for (let redirections = 0; redirections <= maxRedirections; redirections++) {
      const answer = await get(at, maxBytes, time.signal);
      if (!answer.ok) return answer;
      if (answer.value instanceof Uint8Array) return success(answer.value);
      const next = redirection(at, answer.value.location);
      if (!next.ok) return next;
      at = next.value;
    }
    return unfetched('cookbook-unreachable', url, `it is redirected more than ${maxRedirections} times`);
  } finally {
    timer.cancel();
  }
}

function redirection(from: URL, location: string): Result<URL> {
  if (!URL.canParse(location, from.href))
    return unfetched('cookbook-unreachable', from, 'it is redirected to something that is no URL');
  const next = cookbookUrl(new URL(location, from).href);
  if (next.ok) return next;
  return failed({
    ...next.failure,
    message: `${shownUrl(from)} is redirected elsewhere: ${next.failure.message}`,
  });
}

type Answer = Result<Uint8Array | { readonly location: string }>;

function get(url: URL, maxBytes: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const request = httpsRequest(url, {
      // A connection of its own, which ends with the request.
      agent: false,
      signal,
      headers: { accept: 'application/yaml, text/plain, */*', 'accept-encoding': 'identity' },
    });
    const end = (answer: Answer) => {
      resolve(answer);
      request.destroy();
    };
    request.on('error', (error: Error & { code?: string }) => end(broken(url, error, signal)));
    request.on('response', (message) => {
      const { statusCode = 0 } = message;
      const { location } = message.headers;
      if ([301, 302, 303, 307, 308].includes(statusCode) && location !== undefined)
        end(success({ location }));
      else if (statusCode !== 200) {
        const advice =
          statusCode === 404 ? 'check the address' : 'see that it can be read without an account';
        end(unfetched('cookbook-unreachable', url, `the server answers ${statusCode}: ${advice}`));
      } else void body(message, maxBytes, url, signal).then(end);
    });
    request.end();
  });
}

async function body(
  message: IncomingMessage,
  maxBytes: number,
  url: URL,
  signal: AbortSignal,
): Promise<Answer> {
  const { 'content-encoding': encoding = 'identity' } = message.headers;
  if (encoding !== 'identity')
    return unfetched('cookbook-unreachable', url, `the server sends it as ${encoding}, unasked`);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of message) {
      const bytes = chunk as Buffer;
      length += bytes.length;
      if (length > maxBytes)
        return unfetched('cookbook-too-large', url, `it has more than ${maxBytes} bytes, which is the most`);
      chunks.push(bytes);
    }
  } catch (error) {
    return broken(url, error instanceof Error ? error : new Error('aborted'), signal);
  }
  return success(Buffer.concat(chunks));
}

function broken(url: URL, error: Error & { code?: string }, signal: AbortSignal): Result<never> {
  if (signal.aborted)
    return unfetched('cookbook-timeout', url, `it did not come within ${timeLimitMs / 1000} s`);
  const { code = '' } = error;
  if (isCertificateError(code)) {
    const cause = `the server's certificate is not to be trusted (${code}): if it is of an authority of your own, name that authority's file in NODE_EXTRA_CA_CERTS`;
    return unfetched('cookbook-certificate', url, cause);
  }
  return unfetched('cookbook-unreachable', url, networkCause(error));
}

function unfetched(code: string, url: URL, cause: string): Result<never> {
  return failed({ code, message: `cookbook ${shownUrl(url)}: ${cause}`, exitCode: exitCodes.error });
}
