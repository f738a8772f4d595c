/** What is asked of a dispatcher, as requests. */
import type { Question } from './dispatcher-list.js';

/** Without a sign of life for so long an answer is given up. */
export const requestTimeoutMs = 60_000;

/** A question that changes nothing. */
export function get(path: string): Question {
  return { method: 'GET', path, timeoutMs: requestTimeoutMs, repeatable: true };
}

/** One that may not be asked twice, unless its asker says so. */
export function post(path: string, body: unknown): Question {
  return {
    method: 'POST',
    path,
    body: JSON.stringify(body),
    timeoutMs: requestTimeoutMs,
    repeatable: false,
  };
}

/** `?name=value&…` of what is defined; empty where nothing is. */
export function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const entries = Object.entries(query).filter(
    (entry): entry is [string, string | number] => entry[1] !== undefined,
  );
  return entries.length === 0
    ? ''
    : `?${entries.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
