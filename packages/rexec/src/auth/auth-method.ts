/**
 * One way to log in. Implementations lie in `methods/`, others come as plug-ins from the worker's configuration
 * (load-plugin.ts, docs/AUTH-METHODS.md): each says what it needs from the user, is prepared once per job, and then gives the
 * same action for every host. What is here is the contract with plug-ins, too.
 */
import type { Secret } from '@pogo/protocol';
import type { OpenedIdentities, SealedIdentity } from '../identities/parse-identity.js';
import type { LoginAction } from './login.js';

/** What a plug-in's module says in its export `authMethodVersion`; raised when this contract changes. */
export const authMethodVersion = 1;

/** What was in the seal. A plug-in gets what it says it needs, and nothing else. */
export interface JobCredentials {
  readonly password: Secret | undefined;
  readonly identities: readonly SealedIdentity[];
  /** The identities as keys that sign: read and decrypted once per job, at the first call. */
  openIdentities(): OpenedIdentities;
  /** By the names that plug-ins ask for. */
  readonly secrets: ReadonlyMap<string, Secret>;
}

/** What a method needs from the user; what isn't named isn't needed. */
export interface MethodNeeds {
  readonly password?: boolean;
  readonly identities?: boolean;
  /** Names of secrets that the user seals into the job. */
  readonly secrets?: readonly string[];
}

export interface AuthMethod {
  /** As the job lists it. A plug-in's is the name that the worker's configuration gives it. */
  readonly name: string;
  readonly needs: MethodNeeds;
  /** Called once per job; may take long, as keys do. */
  prepare(credentials: JobCredentials): PreparedMethodOutcome | Promise<PreparedMethodOutcome>;
}

export type PreparedMethodOutcome =
  | { readonly ok: true; readonly method: PreparedMethod; readonly warnings?: readonly string[] }
  /** `message`: a clause without secrets, for every host that would have needed the method. */
  | { readonly ok: false; readonly message: string };

/** A method ready to be used on any host of the job. */
export interface PreparedMethod {
  readonly name: string;
  /** The method's name in the SSH protocol, as hosts list it. */
  readonly sshName: string;
  /**
   * It hands the host something of the user's that may lock the account when it is wrong, such as the password: tried
   * with care (password-gate.ts), once per host, and never on a host whose key nobody has vouched for.
   */
  readonly sendsPassword: boolean;
  /** What it shows of itself, for messages: `id_ed25519 SHA256:…`; empty when there is nothing to show. */
  readonly shown: string;
  /** For one login on one host. */
  action(): LoginAction;
}
