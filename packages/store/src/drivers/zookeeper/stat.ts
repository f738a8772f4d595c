/** What ZooKeeper tells of a node. A zxid numbers a change to all nodes: none comes twice, later ones are higher. */
export interface Stat {
  /** The change that made the node. */
  czxid: number;
  /** The latest change of its data. */
  mzxid: number;
  /** Changes of its data since it was made: back to 0 when it is made anew. */
  version: number;
  dataLength: number;
}
