/** The first message of each connection, by which a session begins or goes on, and the answer to it. */
import type { JuteReader } from './jute-reader.js';
import { JuteWriter } from './jute-writer.js';

/** What a session is known by at the servers; the password keeps others from taking it over. */
export interface SessionIdentity {
  id: bigint;
  password: Uint8Array;
  /** Agreed on, in milliseconds. */
  timeoutMs: number;
}

const protocolVersion = 0;
const noSession: Omit<SessionIdentity, 'timeoutMs'> = { id: 0n, password: new Uint8Array(16) };

export interface Greeting {
  /** Undefined to begin a new one. */
  session: SessionIdentity | undefined;
  /** Asked for, in milliseconds. */
  timeoutMs: number;
  /** The latest change that was seen: a server that doesn't know it yet refuses. */
  seenZxid: number;
}

export function writeGreeting({ session, timeoutMs, seenZxid }: Greeting): Buffer {
  const { id, password } = session ?? noSession;
  return new JuteWriter()
    .int(protocolVersion)
    .long(BigInt(seenZxid))
    .int(timeoutMs)
    .long(id)
    .bytes(password)
    .bool(false)
    .frame();
}

/** Undefined when the session that was to go on has ended. */
export function readWelcome(reader: JuteReader): SessionIdentity | undefined {
  reader.int();
  const timeoutMs = reader.int();
  const id = reader.long();
  const password = reader.bytes();
  return timeoutMs > 0 ? { id, password, timeoutMs } : undefined;
}
