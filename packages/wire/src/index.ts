export { type Method, MethodError, type Schema, method } from './method.js';
export {
  type CallOutcome,
  type CloseReason,
  type Peer,
  type PeerHandlers,
  type PeerIdentity,
  type PeerRole,
} from './peer.js';
export { certificateIdentity } from './certificate-identity.js';
export { dialBackoff, linkLimits } from './limits.js';
export { type LinkDoor, type LinkTls, PeerListener, type PeerListenerOptions } from './peer-listener.js';
export { PeerDialer, type PeerDialerOptions } from './peer-dialer.js';
export { Heartbeat } from './heartbeat.js';
export { RpcSession, type RpcSessionOptions } from './rpc-session.js';
export { PipeFrames, type PipeFramesHandlers } from './pipe-frames.js';
