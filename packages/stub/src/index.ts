export {
  type RenderedStub,
  type StubCommand,
  type StubOptions,
  type StubRefusal,
  renderStub,
} from './render.js';
export { type StubParser, createStubParser } from './parser.js';
export type {
  CommandExit,
  EndedEvent,
  NoiseEvent,
  ProtocolErrorEvent,
  ReadyEvent,
  StartedEvent,
  StopCause,
  StubEvent,
} from './events.js';
export { encodeHeartbeat, encodeKill, encodeTerminate, heartbeatIntervalMs } from './control.js';
