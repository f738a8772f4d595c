export type { StubClaim } from './claim.js';
export {
  type RenderedStub,
  type SettleOptions,
  type StubCommand,
  type StubOptions,
  type StubRefusal,
  type StubSteps,
  longestStepMs,
  renderSettle,
  renderStub,
} from './render.js';
export { type StubParser, createStubParser } from './parser.js';
export type {
  BusyEvent,
  ClaimHolder,
  CommandExit,
  EndedEvent,
  FencedEvent,
  NoiseEvent,
  ProtocolErrorEvent,
  ReadyEvent,
  ReceivedEvent,
  RefusedCode,
  RefusedEvent,
  SendEvent,
  SettledEvent,
  StartedEvent,
  StepEvent,
  StopCause,
  StubEvent,
  StubStep,
} from './events.js';
export {
  encodeAcknowledge,
  encodeHeartbeat,
  encodeKill,
  encodeTerminate,
  heartbeatIntervalMs,
} from './control.js';
