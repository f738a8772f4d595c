/**
 * JSON-RPC between the dispatchers of an instance, over a WebSocket that each dials to each other one, on the listener that
 * workers connect to (TLS 1.3, both certificates name a dispatcher). Either side may call the other on it. What a
 * dispatcher decides isn't said here: that is in the log.
 */
import * as z from 'zod';
import { sealedCredentialsSchema } from './credentials.js';
import { attachmentHashSchema, digestSchema } from './spec.js';

/** Path of the WebSocket on the listener that workers connect to. */
export const dispatcherLinkPath = '/dispatcher-link';
/** Behind it an attachment's SHA-256: `GET`, with `Range`, under a dispatcher's certificate. */
export const dispatcherAttachmentPath = `${dispatcherLinkPath}/attachments/`;
/** Largest frame in bytes: sealed credentials for the most recipients, with room. */
export const dispatcherLinkFrameBytes = 4 * 1024 * 1024;

/**
 * Hold these sealed credentials: they are about to be decided on (V1). They count once the log says so, as the caller's copy
 * does: for the job that was accepted under the key, or for the job whose credentials are renewed next.
 */
export const holdCredentialsParamsSchema = z.object({
  /** Chosen by the caller, unique: takes them back. */
  id: z.string().min(1).max(64),
  /** Number of the namespace. */
  namespace: z.int(),
  /** Of the spec that they are sealed over. */
  digest: digestSchema,
  credentials: sealedCredentialsSchema,
  /** How long they may be kept, in milliseconds. */
  lifetimeMs: z.int(),
  for: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('submission'), idempotencyKey: z.string().max(255) }),
    z.object({
      kind: z.literal('renewal'),
      job: z.int(),
      /** Log time, in milliseconds, of the entry that brought those which the job has now. */
      credentialsAtMs: z.number(),
    }),
  ]),
});
export type HoldCredentialsParams = z.infer<typeof holdCredentialsParamsSchema>;
export const holdCredentialsResultSchema = z.object({ kind: z.literal('held') });

/** As a notification: what was to be held under this id was refused. */
export const withdrawCredentialsParamsSchema = z.object({ id: z.string().max(64) });

/** Give the credentials of this job that the entry at this log time brought, if you hold them (V2). */
export const fetchCredentialsParamsSchema = z.object({
  job: z.int(),
  digest: digestSchema,
  credentialsAtMs: z.number(),
});
export type FetchCredentialsParams = z.infer<typeof fetchCredentialsParamsSchema>;
export const fetchCredentialsResultSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('held'),
    credentials: sealedCredentialsSchema,
    /** How much longer they may be kept, in milliseconds. */
    leftMs: z.number(),
  }),
  z.object({ kind: z.literal('not-held') }),
]);
export type FetchCredentialsResult = z.infer<typeof fetchCredentialsResultSchema>;

/** Hold this attachment: fetch it from whoever asks, unless it is there (L6). Answered once it is there, whole and verified. */
export const holdAttachmentParamsSchema = z.object({ sha256: attachmentHashSchema, bytes: z.int().min(0) });
export const holdAttachmentResultSchema = z.object({ kind: z.literal('held') });

/** Method names; both sides serve all of them. */
export const dispatcherPeerMethods = {
  holdCredentials: 'vault.hold',
  withdrawCredentials: 'vault.withdraw',
  fetchCredentials: 'vault.fetch',
  holdAttachment: 'attachment.hold',
} as const;
