import type { ServerResponse } from 'node:http';

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function problem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  errors?: { path: string; message: string }[],
): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(
    JSON.stringify({
      type: `urn:pogo:problem:${code}`,
      title: code,
      status,
      detail,
      ...(errors && { errors }),
    }),
  );
}
