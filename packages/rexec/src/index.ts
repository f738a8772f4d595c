export { RunJob, type RunJobOptions } from './run-job.js';
export type { RexecLink } from './rexec-link.js';
export { Ssh2Transport } from './transport/ssh2/ssh2-transport.js';
export type {
  ChannelEnd,
  Connection,
  ConnectFailure,
  ConnectOptions,
  ConnectOutcome,
  ExecChannel,
  ExecHandlers,
  ExecOutcome,
  Target,
  Transport,
} from './transport/transport.js';
export {
  type AuthMethod,
  authMethodVersion,
  type JobCredentials,
  type MethodNeeds,
  type PreparedMethod,
  type PreparedMethodOutcome,
} from './auth/auth-method.js';
export type { Login, LoginAction, LoginAnswer, Prompt, PromptAnswers, Typed } from './auth/login.js';
export type { IdentityKey, KeyAgent, SignatureHash } from './identities/key-agent.js';
export {
  type Admission,
  type Lane,
  lanesUntilProven,
  PasswordGate,
  type PasswordTicket,
} from './auth/password-gate.js';
export {
  type OpenedIdentities,
  parseIdentity,
  type ParsedIdentity,
  type SealedIdentity,
} from './identities/parse-identity.js';
export { warmUp } from './warm-up.js';
