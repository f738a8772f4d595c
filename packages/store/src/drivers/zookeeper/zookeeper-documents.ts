/**
 * A node per document.
 *
 * 1. A document's version is the zxid of its latest write: no key has one twice.
 * 2. Writes are compare-and-set on the node's own counter, read in the same session and compared with the version first.
 *    That counter begins anew when a node is made anew. So a deleted document's node stays, emptied, until no write can be
 *    under way any more that has seen it before (`graveMs`); only then does the node go.
 * 3. Each write carries an id of its own. When its answer is lost, the node tells: if it holds that id, it was written; if it
 *    is as it was, the same write is tried again, and of the two one succeeds; if it was written once since then, the lost
 *    write was too late; if more than once, nobody knows, and the caller is told so.
 * 4. Folders are containers: the servers remove them some time after their last document, and they are made again when one
 *    is missing.
 */
import { type Clock, type Timer, delay } from '@pogo/lifecycle';
import type {
  DeleteOutcome,
  Document,
  DocumentSummary,
  ExpectedVersion,
  PutOutcome,
} from '../../documents.js';
import type { StoreError } from '../../store-error.js';
import type { BackingDocuments, Watching } from '../handle.js';
import { watchListing } from './following.js';
import { type Paths, documentMark, foldersAbove } from './paths.js';
import { type RecordSeal, sealOverheadBytes } from './record-seal.js';
import type { Session } from './session.js';
import { unavailable } from './session-errors.js';
import { type SessionKeeper, isUnavailable } from './session-keeper.js';
import type { Stat } from './stat.js';

const writeIdBytes = 16;
/** Nodes looked at under way at once. */
const listWindow = 128;

export interface ZooKeeperDocumentsOptions {
  keeper: SessionKeeper;
  paths: Paths;
  seal: RecordSeal;
  servers: string;
  /** 16 random bytes. */
  writeId: () => Uint8Array;
  damaged: (path: string) => StoreError;
}

/** What a write does to a node: a new value, or none. */
interface Write {
  path: string;
  expected: ExpectedVersion;
  value: Uint8Array | null;
}

type WriteOutcome = { kind: 'ok'; version: number } | { kind: 'conflict'; version: number | null };

export class ZooKeeperDocuments implements BackingDocuments {
  readonly #options: ZooKeeperDocumentsOptions;
  readonly #graves: Graves;

  constructor(options: ZooKeeperDocumentsOptions) {
    this.#options = options;
    this.#graves = new Graves(options.keeper);
  }

  get(key: string): Promise<Document | undefined> {
    const path = this.#options.paths.document(key);
    return this.#options.keeper.repeat(async (session) => {
      const [, node] = await Promise.all([session.sync(path), session.read(path)]);
      if (node === undefined || isGrave(node.stat)) return undefined;
      return { value: this.#open(path, node.data).value, version: node.stat.mzxid };
    });
  }

  put(key: string, value: Uint8Array, expectedVersion: ExpectedVersion): Promise<PutOutcome> {
    return this.#write({ path: this.#options.paths.document(key), expected: expectedVersion, value });
  }

  async delete(key: string, expectedVersion: number | 'any'): Promise<DeleteOutcome> {
    const path = this.#options.paths.document(key);
    const outcome = await this.#write({ path, expected: expectedVersion, value: null });
    return outcome.kind === 'ok' ? { kind: 'ok' } : outcome;
  }

  list(prefix: string): Promise<DocumentSummary[]> {
    return this.#options.keeper.repeat(async (session) => {
      await session.sync(this.#options.paths.documents);
      return this.#list(session, prefix);
    });
  }

  watch({ prefix, stops }: Watching): AsyncIterable<DocumentSummary[]> {
    let synced: Session | undefined;
    return watchListing({
      keeper: this.#options.keeper,
      stops,
      list: async (session, changed) => {
        // Later ones in the same session see no less; the first might, and even less than an earlier session has shown.
        if (session !== synced) await session.sync(this.#options.paths.documents);
        synced = session;
        return this.#list(session, prefix, changed);
      },
    });
  }

  close(): void {
    this.#graves.close();
  }

  async #list(session: Session, prefix: string, changed?: () => void): Promise<DocumentSummary[]> {
    const { paths } = this.#options;
    const look = (path: string) =>
      changed === undefined ? session.exists(path) : session.watchNode(path, changed);
    const found: DocumentSummary[] = [];
    const folders = [prefix];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const path = paths.documentFolder(folder);
      let names: string[] | undefined;
      if (changed === undefined) names = await session.children(path);
      else names = await session.watchChildren(path, changed);
      if (names === undefined) {
        if (changed !== undefined) await session.watchNode(path, changed);
        continue;
      }
      const documents = names.filter((name) => name.endsWith(documentMark));
      for (const name of names) if (!name.endsWith(documentMark)) folders.push(`${folder}${name}/`);
      for (let first = 0; first < documents.length; first += listWindow) {
        const keys = documents
          .slice(first, first + listWindow)
          .map((name) => `${folder}${name.slice(0, -documentMark.length)}`);
        const stats = await Promise.all(keys.map((key) => look(paths.document(key))));
        for (const [at, key] of keys.entries()) {
          const stat = stats[at];
          if (stat === undefined) continue;
          if (isGrave(stat)) this.#graves.add(paths.document(key), stat);
          else found.push({ key, version: stat.mzxid });
        }
      }
    }
    return found.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  }

  async #write(write: Write): Promise<WriteOutcome> {
    const { keeper, seal, writeId } = this.#options;
    const { path, value } = write;
    const id = writeId();
    const payload = new Uint8Array(writeIdBytes + (value?.byteLength ?? 0) + (value === null ? 0 : 1));
    payload.set(id);
    if (value !== null) payload.set(value, writeIdBytes + 1);
    const record = seal.seal(path, payload);
    const untilMs = keeper.clock.monotonicMs() + keeper.callTimeoutMs;
    const doubt: Doubt = { tried: undefined };
    for (let failures = 0; ; failures += 1) {
      try {
        const outcome = await this.#tryWrite(await keeper.session(untilMs), write, { id, record }, doubt);
        if (outcome.kind === 'ok' || outcome.kind === 'conflict') return outcome;
        if (outcome.kind === 'unknown' || keeper.clock.monotonicMs() >= untilMs) {
          const cause =
            outcome.kind === 'unknown' ? 'nobody knows whether it was written' : 'it was not written';
          throw new WriteLost(unavailable(this.#options.servers, `others write ${path} too, and ${cause}`));
        }
      } catch (error) {
        if (error instanceof WriteLost) throw error.error;
        if (!isUnavailable(error) || keeper.clock.monotonicMs() >= untilMs) throw error;
        await delay(keeper.clock, keeper.backoffMs(failures));
      }
    }
  }

  async #tryWrite(
    session: Session,
    { path, expected, value }: Write,
    { id, record }: { id: Uint8Array; record: Uint8Array },
    doubt: Doubt,
  ): Promise<WriteOutcome | { kind: 'again' | 'unknown' }> {
    const [, stat] = await Promise.all([session.sync(path), session.exists(path)]);
    if (doubt.tried !== undefined) {
      const found = stat === undefined ? undefined : await session.read(path);
      if (found !== undefined && sameBytes(this.#open(path, found.data).writeId, id)) {
        if (value === null) this.#graves.add(path, found.stat);
        return { kind: 'ok', version: found.stat.mzxid };
      }
      const since = writesSince(doubt.tried, found?.stat);
      if (since === 'several') return { kind: 'unknown' };
      // The one write since then was another's, so the lost one can't have been made, nor be made any more.
      if (since === 'one') doubt.tried = undefined;
    }
    const present = stat === undefined || isGrave(stat) ? null : stat.mzxid;
    if (expected !== 'any' && expected !== present) return { kind: 'conflict', version: present };
    if (value === null && present === null) return { kind: 'ok', version: 0 };
    const doubtful = doubt.tried !== undefined;
    doubt.tried = { stat };
    const outcome =
      stat === undefined
        ? await this.#make(session, path, record)
        : await this.#replace(session, path, { record, stat });
    if (outcome !== undefined && value === null) this.#graves.add(path, outcome);
    // This one was answered; that an earlier one wasn't stays true.
    if (!doubtful) doubt.tried = undefined;
    return outcome === undefined ? { kind: 'again' } : { kind: 'ok', version: outcome.mzxid };
  }

  async #make(session: Session, path: string, record: Uint8Array): Promise<Stat | undefined> {
    const made = await session.create(path, record);
    if (made.kind === 'no-parent') {
      const folders = foldersAbove(this.#options.paths.root, path);
      await Promise.all(folders.map((each) => session.create(each, new Uint8Array(), 'container')));
    }
    return made.kind === 'ok' ? made.stat : undefined;
  }

  async #replace(
    session: Session,
    path: string,
    { record, stat }: { record: Uint8Array; stat: Stat },
  ): Promise<Stat | undefined> {
    const outcome = await session.set(path, record, stat.version);
    return outcome.kind === 'ok' ? outcome.stat : undefined;
  }

  #open(path: string, record: Uint8Array): { writeId: Uint8Array; value: Uint8Array } {
    const payload = this.#options.seal.open(path, record);
    if (payload === undefined || payload.byteLength < writeIdBytes) throw this.#options.damaged(path);
    return { writeId: payload.subarray(0, writeIdBytes), value: payload.subarray(writeIdBytes + 1) };
  }
}

/** The write whose answer was lost, by the node that it was to replace; without a stat it was to make the node. */
interface Doubt {
  tried: { stat: Stat | undefined } | undefined;
}

/** Ends the tries of a write. */
class WriteLost extends Error {
  readonly error: StoreError;

  constructor(error: StoreError) {
    super(error.message);
    this.error = error;
  }
}

/** How often the node was written since it was as `tried` has it: its counter goes up by one each time, from 0 when made. */
function writesSince(tried: { stat: Stat | undefined }, found: Stat | undefined): 'none' | 'one' | 'several' {
  if (tried.stat?.mzxid === found?.mzxid) return 'none';
  if (found === undefined || (tried.stat !== undefined && tried.stat.czxid !== found.czxid)) return 'several';
  return found.version === (tried.stat?.version ?? -1) + 1 ? 'one' : 'several';
}

/** An emptied node holds the id of the write that emptied it, and nothing after that, not even an empty value. */
function isGrave(stat: Stat): boolean {
  return stat.dataLength <= sealOverheadBytes + writeIdBytes;
}

/**
 * Emptied nodes on their way out. Each goes when nobody can still be about to write it who has seen it as it was before: no
 * write takes longer than a call and a session may last without an answer. Nodes that the one who emptied them left behind
 * are taken over by whoever lists them.
 */
class Graves {
  readonly #keeper: SessionKeeper;
  readonly #known = new Map<string, { version: number; dueMs: number }>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(keeper: SessionKeeper) {
    this.#keeper = keeper;
  }

  get #clock(): Clock {
    return this.#keeper.clock;
  }

  add(path: string, { version }: Stat): void {
    if (this.#closed || this.#known.get(path)?.version === version) return;
    const graveMs = 2 * (this.#keeper.callTimeoutMs + this.#keeper.sessionTimeoutMs);
    this.#known.delete(path);
    this.#known.set(path, { version, dueMs: this.#clock.monotonicMs() + graveMs });
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#known.clear();
  }

  #schedule(): void {
    // In the order in which they were added, which is that of their times.
    const [first] = this.#known.values();
    if (this.#closed || this.#timer !== undefined || first === undefined) return;
    this.#timer = this.#clock.setTimer(Math.max(0, first.dueMs - this.#clock.monotonicMs()), () => {
      this.#dig().then(
        () => {
          this.#timer = undefined;
          this.#schedule();
        },
        () => (this.#timer = undefined),
      );
    });
  }

  async #dig(): Promise<void> {
    const due = [...this.#known].filter(([, { dueMs }]) => dueMs <= this.#clock.monotonicMs());
    for (const [path] of due) this.#known.delete(path);
    await this.#keeper.repeat(async (session) => {
      for (let first = 0; first < due.length; first += listWindow) {
        const some = due.slice(first, first + listWindow);
        // Not the version that was emptied: somebody has written it anew, and it stays.
        await Promise.all(some.map(([path, { version }]) => session.delete(path, version)));
      }
    });
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
