/** LevelDB's manifest: a log of changes, each of which adds and removes table files, or puts tables in the place of a log. */
import { wholePieces } from './log-records.js';
import { VarintReader } from './varint-reader.js';

export interface LiveTable {
  number: number;
  sizeBytes: number;
}

/** What the database consists of. */
export interface DatabaseFiles {
  tables: LiveTable[];
  /** The oldest write-ahead log that isn't in tables yet; 0 in a database that was never opened. */
  logNumber: number;
}

const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** Reads a manifest; undefined when it is none. A torn last change doesn't count. */
export function databaseFiles(manifest: Uint8Array): DatabaseFiles | undefined {
  const found: Found = { tables: new Map(), logNumber: 0 };
  for (const change of wholePieces(manifest)) {
    const reader = new VarintReader(change);
    while (!reader.atEnd) if (!apply(reader, found)) return undefined;
  }
  return { tables: [...found.tables.values()], logNumber: found.logNumber };
}

interface Found {
  tables: Map<number, LiveTable>;
  logNumber: number;
}

function apply(reader: VarintReader, found: Found): boolean {
  switch (reader.number()) {
    case tags.comparator:
      return reader.string() !== undefined;
    case tags.logNumber: {
      const number = reader.number();
      found.logNumber = number ?? 0;
      return number !== undefined;
    }
    case tags.nextFile:
    case tags.lastSequence:
    case tags.previousLog:
      return reader.number() !== undefined;
    case tags.compactPointer:
      return reader.number() !== undefined && reader.string() !== undefined;
    case tags.deletedFile: {
      const [level, number] = [reader.number(), reader.number()];
      if (level === undefined || number === undefined) return false;
      found.tables.delete(number);
      return true;
    }
    case tags.newFile: {
      const [level, number, sizeBytes] = [reader.number(), reader.number(), reader.number()];
      const [smallest, largest] = [reader.string(), reader.string()];
      if (level === undefined || number === undefined || sizeBytes === undefined) return false;
      if (smallest === undefined || largest === undefined) return false;
      found.tables.set(number, { number, sizeBytes });
      return true;
    }
    default:
      return false;
  }
}
