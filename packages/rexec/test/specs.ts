import { type ResolvedSpec, resolvedSpecSchema } from '@pogo/protocol';

/** A spec with the values that most tests want, parsed as it would be. */
export function spec(changes: Partial<ResolvedSpec> & Pick<ResolvedSpec, 'targets'>): ResolvedSpec {
  return resolvedSpecSchema.parse({
    version: 1,
    namespace: 'default',
    submitter: 'ada',
    command: { kind: 'argv', argv: ['echo', 'hello'] },
    user: 'nobody',
    port: 22,
    auth: { methods: ['publickey'] },
    hostKeys: { policy: 'strict', known: [] },
    timeouts: { connectMs: 10_000, handshakeMs: 20_000, commandMs: 60_000 },
    environment: {},
    lifetimeMs: 3_600_000,
    ...changes,
  });
}
