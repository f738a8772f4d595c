/**
 * One way to log in. Implementations lie in `methods/`, others come as plug-ins (plugins.ts): each says what it needs
 * from the user, is prepared once per job, and then gives the same action for every host.
 */
import type { Secret } from '@pogo/protocol';
import type { SealedIdentity } from '../identities/parse-identity.js';
import type { LoginAction } from './login.js';

/** What was in the seal, for the methods to take what they need. */
export interface JobCredentials {
  readonly password: Secret | undefined;
  readonly identities: readonly SealedIdentity[];
}

export interface AuthMethod {
  /** As the job lists it. */
  readonly name: string;
  /** Called once per job; may take long, as keys do. */
  prepare(credentials: JobCredentials): PreparedMethodOutcome;
}

export type PreparedMethodOutcome =
  | { readonly ok: true; readonly method: PreparedMethod; readonly warnings: readonly string[] }
  /** `message`: a clause without secrets, for every host that would have needed the method. */
  | { readonly ok: false; readonly message: string };

/** A method ready to be used on any host of the job. */
export interface PreparedMethod {
  readonly name: string;
  /** The method's name in the SSH protocol, as hosts list it. */
  readonly sshName: string;
  /**
   * It hands the user's password to the host: tried with care (password-gate.ts), once per host, and never on a host
   * whose key nobody has vouched for.
   */
  readonly sendsPassword: boolean;
  /** What it shows of itself, for messages: `id_ed25519 SHA256:…`; empty when there is nothing to show. */
  readonly shown: string;
  action(): LoginAction;
}
