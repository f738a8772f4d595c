import { problemSchema } from '@pogo/protocol';
import type { ResponseDocumentation } from './route.js';

const descriptions: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'No valid bearer token',
  403: 'Not allowed',
  404: 'No such job, host or resource',
  409: 'Not possible in the present state',
  412: 'Changed since it was looked at',
  413: 'The request is too large',
  416: 'The range is outside of the output',
  422: 'Digest or idempotency key do not match',
  503: 'Not available at the moment: try again',
  507: 'No room',
};

/** Problems that a route may answer with, for its documentation. */
export function problemResponses(...statuses: number[]): Record<number, ResponseDocumentation> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: descriptions[status]!, schema: problemSchema, contentType: 'application/problem+json' },
    ]),
  );
}
