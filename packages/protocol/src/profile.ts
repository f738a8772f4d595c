/**
 * Where the client finds its dispatchers, and what it pins. Written beside the token by whoever makes the instance
 * (`pogo up`, `pogo-dispatcher init`); the token itself is in `token`, a file of mode 0600 in the same folder.
 */
import * as z from 'zod';

export const clientProfileSchema = z.strictObject({
  version: z.literal(1),
  /** `https://127.0.0.1:PORT`, no path. */
  url: z.string().regex(/^https:\/\/[^/]+$/),
  /** Further dispatchers of the same instance, which are asked when that one can't be. */
  others: z
    .array(z.string().regex(/^https:\/\/[^/]+$/))
    .max(64)
    .optional(),
  /** PEM of the link root: the dispatcher's certificate must come from it. */
  linkRoot: z.string(),
  /** PEM of the sealing root: workers' sealing certificates must come from it. */
  sealingRoot: z.string(),
});
export type ClientProfile = z.infer<typeof clientProfileSchema>;
