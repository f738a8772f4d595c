import { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { answerAgentRequest, maximumMessageBytes } from '../../identities/agent-requests.js';
import type { KeyAgent } from '../../identities/key-agent.js';

/**
 * What ssh2 connects a host's requests to. Its own `AgentProtocol` gives up on OpenSSH's `session-bind` and signs with
 * ECDSA in a form that OpenSSH refuses.
 */
export class ForwardedAgent extends ssh2.BaseAgent {
  readonly #agent: KeyAgent;

  constructor(agent: KeyAgent) {
    super();
    this.#agent = agent;
  }

  /** Not used to log in. */
  override getIdentities(callback: (error: Error) => void): void {
    callback(new Error('for hosts alone'));
  }

  override sign(..._unused: unknown[]): void {
    throw new Error('for hosts alone');
  }

  override getStream(callback: (error: null, stream: Duplex) => void): void {
    callback(null, new AgentStream(this.#agent));
  }
}

/** One connection to the agent: requests in, answers out. */
class AgentStream extends Duplex {
  readonly #agent: KeyAgent;
  #unread: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(agent: KeyAgent) {
    super();
    this.#agent = agent;
  }

  override _read(): void {
    // Answers are pushed as requests come.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#unread = this.#over ? this.#unread : Buffer.concat([this.#unread, chunk]);
    while (!this.#over && this.#unread.length >= 4) {
      const length = this.#unread.readUInt32BE(0);
      if (length > maximumMessageBytes) {
        this.#end();
        break;
      }
      if (this.#unread.length < 4 + length) break;
      const answer = answerAgentRequest(this.#agent, this.#unread.subarray(4, 4 + length));
      const header = Buffer.alloc(4);
      header.writeUInt32BE(answer.length);
      this.push(Buffer.concat([header, answer]));
      this.#unread = this.#unread.subarray(4 + length);
    }
    done();
  }

  override _final(done: () => void): void {
    this.#end();
    done();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#unread = Buffer.alloc(0);
    this.push(null);
  }
}
