/** What sshd's log at VERBOSE says about who tried to log in, and how: evidence for "no password was ever sent". */

export interface AuthAttempt {
  /** `password`, `publickey`, `keyboard-interactive`, `none` … as sshd names it, without `/pam`. */
  method: string;
  user: string;
  /** sshd knows no such account, or doesn't let it in. */
  invalidUser: boolean;
  /** `postponed`: the method has begun, as keyboard-interactive with its question. */
  result: 'accepted' | 'failed' | 'postponed';
  from: { address: string; port: number };
  /** The address that was dialled: which of the many hosts. */
  to: { address: string; port: number } | undefined;
  /** `SHA256:…` of the key, for publickey. */
  keyFingerprint: string | undefined;
}

/** A connection that was accepted, before any word was said on it. */
export interface SshdConnection {
  from: AuthAttempt['from'];
  to: AuthAttempt['from'];
}

/** What `LogVerbose` puts in front of a line: place and process (with OpenSSH 9.8 and later its name, too). */
const tag = /^(?:debug\d: )?[\w.-]+\.c:\w+\(\):\d+ \((?:bin=[^,]*, )?pid=(\d+)\): /;
const connection = /^Connection from (\S+) port (\d+) on (\S+) port (\d+)/;
const attempt =
  /^(Accepted|Failed|Postponed) (\S+) for (invalid user )?(\S*) from (\S+) port (\d+) ssh2(?:: \S+ (SHA256:\S+))?/;

/** The log as sshd writes it without `LogVerbose`. */
export function plainLog(log: string): string {
  return log
    .split('\n')
    .map((line) => line.replace(tag, ''))
    .join('\n');
}

/** Reads sshd's log from top to bottom. */
function read(log: string): { attempts: AuthAttempt[]; connections: SshdConnection[] } {
  // A process serves one connection. Its port alone wouldn't tell: two connections to different addresses may come
  // from the same one.
  const dialled = new Map<string, SshdConnection>();
  const attempts: AuthAttempt[] = [];
  const connections: SshdConnection[] = [];
  for (const line of log.split(/\r?\n/)) {
    const pid = tag.exec(line)?.[1];
    const text = line.replace(tag, '');
    const opened = connection.exec(text);
    if (opened) {
      const made = {
        from: { address: opened[1]!, port: Number(opened[2]) },
        to: { address: opened[3]!, port: Number(opened[4]) },
      };
      connections.push(made);
      dialled.set(pid ?? `${opened[1]} ${opened[2]}`, made);
      continue;
    }
    const match = attempt.exec(text);
    if (!match) continue;
    const [, result, method, invalid, user, address, port, fingerprint] = match;
    attempts.push({
      method: method!.replace(/\/pam$/, ''),
      user: user!,
      invalidUser: invalid !== undefined,
      result: result!.toLowerCase() as AuthAttempt['result'],
      from: { address: address!, port: Number(port) },
      to: dialled.get(pid ?? `${address} ${port}`)?.to,
      keyFingerprint: fingerprint,
    });
  }
  return { attempts, connections };
}

/** Every attempt in the log's order. `none` is what a client says to learn the methods: no credential is in it. */
export function parseAuthAttempts(log: string): AuthAttempt[] {
  return read(log).attempts;
}

/** Every connection in the log's order. */
export function parseConnections(log: string): SshdConnection[] {
  return read(log).connections;
}
