import type { ApiClient } from './api-client.js';

/** Frontends and backends of two coasts, backends first and one at a time; of frontends so many as `frontend` says. */
export const coastFile = (frontend: string, frontends = 8) => `
apps:
  frontend: [ 'foo[1-${frontends}].{east,west}' ]
  backend: [ 'bar[1-2].{east,west}' ]
envs:
  coast:
    east: [ '*.east' ]
    west: [ '*.west' ]
constraints:
  coast:
    concurrency: { frontend: ${frontend}, backend: 1 }
    sequence: [ [ backend, frontend ] ]
`;

/** Applies a file; with `ifMatch` only over that version. */
export const applyFile = (api: ApiClient, text: string, ifMatch?: string) =>
  api.call('/v1/namespaces/default', {
    method: 'PUT',
    body: { file: 'prod.yaml', text },
    ...(ifMatch !== undefined && { headers: { 'if-match': ifMatch } }),
  });
