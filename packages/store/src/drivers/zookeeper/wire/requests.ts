/** The requests of ZooKeeper's protocol that this driver makes: how each is written, and how its answer is read. */
import type { Stat } from '../stat.js';
import type { JuteReader } from './jute-reader.js';
import type { JuteWriter } from './jute-writer.js';

export interface Request<T> {
  operation: number;
  write: (writer: JuteWriter) => void;
  /** Reads what follows the answer's header when its code is 0. */
  read: (reader: JuteReader) => T;
}

export type NodeKind = 'persistent' | 'container' | 'ephemeral-sequential';

/** Who may do everything with a new node. */
export type Access = 'anyone' | 'whoever-is-authenticated';

const operations = {
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  createWithStat: 15,
  createContainer: 19,
  auth: 100,
  setWatches: 101,
  closeSession: -11,
} as const;

const flags = { persistent: 0, 'ephemeral-sequential': 3, container: 4 } as const;

const everything = 31;

const nothing = () => undefined;

export interface CreatedNode {
  /** With the number that the servers have appended, if any. */
  path: string;
  stat: Stat;
}

export function createNode(
  path: string,
  data: Uint8Array,
  { kind, access }: { kind: NodeKind; access: Access },
): Request<CreatedNode> {
  return {
    operation: kind === 'container' ? operations.createContainer : operations.createWithStat,
    write: (writer) => {
      const [scheme, id] = access === 'anyone' ? ['world', 'anyone'] : ['auth', ''];
      writer.text(path).bytes(data);
      writer.int(1).int(everything).text(scheme).text(id);
      writer.int(flags[kind]);
    },
    read: (reader) => ({ path: reader.text(), stat: readStat(reader) }),
  };
}

export function deleteNode(path: string, version: number): Request<undefined> {
  return {
    operation: operations.delete,
    write: (writer) => writer.text(path).int(version),
    read: nothing,
  };
}

export function nodeExists(path: string, watch: boolean): Request<Stat> {
  return {
    operation: operations.exists,
    write: (writer) => writer.text(path).bool(watch),
    read: readStat,
  };
}

export function getData(path: string): Request<{ data: Uint8Array; stat: Stat }> {
  return {
    operation: operations.getData,
    write: (writer) => writer.text(path).bool(false),
    read: (reader) => ({ data: reader.bytes(), stat: readStat(reader) }),
  };
}

export function setData(path: string, data: Uint8Array, version: number): Request<Stat> {
  return {
    operation: operations.setData,
    write: (writer) => writer.text(path).bytes(data).int(version),
    read: readStat,
  };
}

export function getChildren(path: string, watch: boolean): Request<string[]> {
  return {
    operation: operations.getChildren,
    write: (writer) => writer.text(path).bool(watch),
    read: (reader) => reader.texts(),
  };
}

export function sync(path: string): Request<undefined> {
  return { operation: operations.sync, write: (writer) => writer.text(path), read: nothing };
}

/** @param credentials `USER:PASSWORD` */
export function digestAuth(credentials: string): Request<undefined> {
  return {
    operation: operations.auth,
    write: (writer) => writer.int(0).text('digest').bytes(Buffer.from(credentials, 'utf8')),
    read: nothing,
  };
}

export function closeSession(): Request<undefined> {
  return { operation: operations.closeSession, write: nothing, read: nothing };
}

/** Paths of nodes whose next change is waited for. */
export interface ArmedWatches {
  /** Nodes that stood there when it was armed. */
  data: string[];
  /** Nodes that didn't. */
  absent: string[];
  children: string[];
}

/** Arms watches anew at another server, which tells at once of what has changed after `seenZxid`. */
export function setWatches(seenZxid: number, watches: ArmedWatches): Request<undefined> {
  return {
    operation: operations.setWatches,
    write: (writer) =>
      writer.long(BigInt(seenZxid)).texts(watches.data).texts(watches.absent).texts(watches.children),
    read: nothing,
  };
}

function readStat(reader: JuteReader): Stat {
  const [czxid, mzxid] = [reader.zxid(), reader.zxid()];
  reader.long();
  reader.long();
  const version = reader.int();
  reader.int();
  reader.int();
  reader.long();
  const dataLength = reader.int();
  reader.int();
  reader.long();
  return { czxid, mzxid, version, dataLength };
}
