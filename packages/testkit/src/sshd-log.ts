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

const connection = /^Connection from (\S+) port (\d+) on (\S+) port (\d+)/;
const attempt =
  /^(Accepted|Failed|Postponed) (\S+) for (invalid user )?(\S*) from (\S+) port (\d+) ssh2(?:: \S+ (SHA256:\S+))?/;

/** Every attempt in the log's order. `none` is what a client says to learn the methods: no credential is in it. */
export function parseAuthAttempts(log: string): AuthAttempt[] {
  const dialled = new Map<string, { address: string; port: number }>();
  const attempts: AuthAttempt[] = [];
  for (const line of log.split(/\r?\n/)) {
    const opened = connection.exec(line);
    if (opened) {
      dialled.set(`${opened[1]} ${opened[2]}`, { address: opened[3]!, port: Number(opened[4]) });
      continue;
    }
    const match = attempt.exec(line);
    if (!match) continue;
    const [, result, method, invalid, user, address, port, fingerprint] = match;
    attempts.push({
      method: method!.replace(/\/pam$/, ''),
      user: user!,
      invalidUser: invalid !== undefined,
      result: result!.toLowerCase() as AuthAttempt['result'],
      from: { address: address!, port: Number(port) },
      to: dialled.get(`${address} ${port}`),
      keyFingerprint: fingerprint,
    });
  }
  return attempts;
}
