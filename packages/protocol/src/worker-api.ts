/** Workers, as people see them and empty them. */
import * as z from 'zod';
import { drainSchema } from './client-api.js';

/** One worker, as the dispatcher that answers sees it. */
export const workerSchema = z.object({
  name: z.string(),
  /** `lost`: away for so long that its unfinished hosts became `unknown`; it may come back all the same. */
  state: z.enum(['connected', 'away', 'lost']),
  /** Since when it isn't connected, in milliseconds since 1970; absent where it wasn't since this dispatcher began. */
  awaySinceMs: z.int().optional(),
  /** These are absent where it wasn't connected since this dispatcher began. */
  version: z.string().optional(),
  /** Attempts that it takes at once. */
  capacity: z.int().optional(),
  /** Pools whose hosts it reaches, besides those that are in none. */
  pools: z.array(z.string()).optional(),
  /** `sha256:<hex>` of the public key that credentials are sealed for. */
  keyId: z.string().optional(),
  /** Its hosts that aren't over, in all namespaces. */
  assigned: z.int(),
  /** Set while it gets no further host; `notIn` are namespaces that don't know of it, or can't tell just now. */
  drain: drainSchema.extend({ notIn: z.array(z.string()).optional() }).optional(),
});
export type WorkerDocument = z.infer<typeof workerSchema>;

/** `GET /v1/workers`: by name. */
export const workerListSchema = z.object({
  workers: z.array(workerSchema),
  /** How long a worker may be away before its unfinished hosts become `unknown`, in milliseconds. */
  lostAfterMs: z.int(),
});
export type WorkerList = z.infer<typeof workerListSchema>;

/** `POST /v1/workers/:name/drain`: it gets no further host, in any namespace; what it has goes on. */
export const drainRequestSchema = z.strictObject({
  /** Why, for those who wait. */
  note: z.string().min(1).max(500).optional(),
});

/** `POST /v1/workers/:name/undrain`: it gets hosts again. */
export const undrainRequestSchema = z.strictObject({});

/** The worker as it is now. */
export const drainResponseSchema = z.object({
  worker: workerSchema,
  /** Namespaces that could not be told: in these nothing has changed. */
  untold: z.array(z.string()),
});
export type DrainResponse = z.infer<typeof drainResponseSchema>;
