import * as z from 'zod';

/** What ZooKeeper tells of a node. A zxid numbers a change to all nodes: none comes twice, later ones are higher. */
export const statSchema = z.object({
  /** The change that made the node. */
  czxid: z.int().min(0),
  /** The latest change of its data. */
  mzxid: z.int().min(0),
  /** Changes of its data since it was made: back to 0 when it is made anew. */
  version: z.int(),
  dataLength: z.int().min(0),
});
export type Stat = z.infer<typeof statSchema>;

export const childrenSchema = z.array(z.string());
