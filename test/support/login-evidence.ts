import type { AuthAttempt, Sshd } from '@pogo/testkit';

/** What one sshd saw since the evidence was begun: connections and login attempts, by address that was dialled. */
export interface LoginEvidence {
  /** How many connections each address has had. */
  connections(): Map<string, number>;
  /** How many logins were accepted at each address, by which methods. */
  accepted(): Map<string, string[]>;
  /** Attempts with a password, whatever came of them; what sshd itself counts. */
  passwordAttempts(): AuthAttempt[];
  /** Everything in which the client offered something: all but `none`. */
  attempts(): AuthAttempt[];
}

export function watchLogins(sshd: Sshd): LoginEvidence {
  const before = { connections: sshd.connections().length, attempts: sshd.authAttempts().length };
  const attempts = () =>
    sshd
      .authAttempts()
      .slice(before.attempts)
      .filter(({ method }) => method !== 'none');
  return {
    connections() {
      const counts = new Map<string, number>();
      for (const { to } of sshd.connections().slice(before.connections))
        counts.set(to.address, (counts.get(to.address) ?? 0) + 1);
      return counts;
    },
    accepted() {
      const methods = new Map<string, string[]>();
      for (const { to, method, result } of attempts()) {
        if (result !== 'accepted') continue;
        const address = to?.address ?? 'unknown';
        methods.set(address, [...(methods.get(address) ?? []), method]);
      }
      return methods;
    },
    passwordAttempts: () =>
      attempts().filter(({ method }) => method === 'password' || method === 'keyboard-interactive'),
    attempts,
  };
}
