/**
 * One exec channel on the way through sudo: writes a text of `sudo-text.ts` to the login user's shell, answers sudo's
 * prompt, and hands the channel over once a shell of ours says that it is ready.
 *
 * 1. The password is sent in answer to our own prompt, once: a second prompt is a refusal. What else a host prints
 *    (lectures, banners, insults, questions of its own) changes nothing.
 * 2. It is sent to no host whose key nobody has vouched for, and tried with the care of login passwords: one host at
 *    a time until one has accepted it (password-gate.ts).
 * 3. Every way ends within the limit, whatever the host does or doesn't say.
 */
import type { Outcome } from '@pogo/core';
import type { Timer } from '@pogo/lifecycle';
import type { Secret } from '@pogo/protocol';
import type { PasswordGate, PasswordTicket } from '../auth/password-gate.js';
import { escapeHostText } from '../escape-text.js';
import { haltedBefore, notOpened, type OpenShellOptions, shellUnusable } from '../host-shell.js';
import { MarkerSearch } from '../marker-search.js';
import type { ChannelEnd, ExecChannel } from '../transport/transport.js';
import { canBeTyped } from './sudo-password.js';
import { readSudoRefusal, sudoOutcome, type SudoRefusal } from './sudo-refusal.js';
import { sudoWords } from './sudo-text.js';

/** Kept of what was written before the shell was ready: sudo's words are at its end. */
const keptBytes = 8192;
const maximumNoiseBytes = 1 << 20;

export interface SudoDialogueOptions extends OpenShellOptions {
  readonly nonce: string;
  readonly runAs: string;
  readonly text: Uint8Array | string;
  readonly password: Secret | undefined;
  readonly gate: PasswordGate;
  readonly isHostKeyVouchedFor: () => boolean;
}

export type SudoOutcome =
  | { readonly ok: true; readonly channel: ExecChannel }
  | { readonly ok: false; readonly outcome: Outcome; readonly refusal?: SudoRefusal };

export function throughSudo(options: SudoDialogueOptions): Promise<SudoOutcome> {
  return new Promise((resolve) => new SudoDialogue(options, resolve).start());
}

class SudoDialogue {
  readonly #options: SudoDialogueOptions;
  readonly #resolve: (outcome: SudoOutcome) => void;
  readonly #stdout: MarkerSearch;
  readonly #stderr: MarkerSearch;
  readonly #thinking = new AbortController();
  readonly #onAbort = () => this.#fail(haltedBefore(this.#options.shown));
  #channel: ExecChannel | undefined;
  #phase: 'talking' | 'ready' | 'over' = 'talking';
  #begun = false;
  #prompted = false;
  #ticket: PasswordTicket | undefined;
  #passwordSent = false;
  #limit: Timer | undefined;
  #leftMs: number;
  #limitSetMs = 0;

  constructor(options: SudoDialogueOptions, resolve: (outcome: SudoOutcome) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#leftMs = options.limitMs;
    const { begun, missing, again, ready, prompt } = sudoWords(options.nonce);
    this.#stdout = new MarkerSearch([begun, missing, again, ready], keptBytes);
    this.#stderr = new MarkerSearch([prompt], keptBytes);
  }

  start(): void {
    const { connection, shellLine, text, signal, shown, handlers } = this.#options;
    if (signal.aborted) return this.#fail(haltedBefore(shown));
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#runLimit();
    const opening = connection.exec(shellLine, {
      stdout: (bytes) => (this.#phase === 'ready' ? handlers.stdout(bytes) : this.#heard(bytes)),
      stderr: (bytes) => (this.#phase === 'ready' ? handlers.stderr(bytes) : this.#complained(bytes)),
      closed: (end) => (this.#phase === 'ready' ? handlers.closed(end) : this.#closed(end)),
    });
    void opening.then((opened) => {
      if (this.#phase === 'over') return;
      if (!opened.ok) return this.#fail(notOpened(opened, shown));
      this.#channel = opened.channel;
      opened.channel.write(typeof text === 'string' ? Buffer.from(text) : text);
    });
  }

  #heard(bytes: Buffer): void {
    if (this.#phase === 'over') return;
    const found = this.#stdout.add(bytes);
    if (found === undefined) return this.#limitNoise(this.#stdout);
    switch (found.word) {
      case 0:
        this.#begun = true;
        break;
      case 1:
        return this.#refused({ reason: 'sudo-missing', commandMayBeAllowed: false, passwordAccepted: false });
      case 2:
        this.#ticket?.accepted();
        this.#write(this.#passwordSent);
        break;
      default:
        return this.#ready(found.rest);
    }
    if (found.rest.length > 0) this.#heard(found.rest);
  }

  #complained(bytes: Buffer): void {
    if (this.#phase === 'over') return;
    const found = this.#stderr.add(bytes);
    if (found === undefined) return this.#limitNoise(this.#stderr);
    this.#asked();
    if (found.rest.length > 0) this.#complained(found.rest);
  }

  /** sudo's prompt. */
  #asked(): void {
    const { password, gate, isHostKeyVouchedFor, shown, runAs } = this.#options;
    if (this.#prompted) {
      return this.#refused({
        reason: 'sudo-password-refused',
        commandMayBeAllowed: false,
        passwordAccepted: false,
      });
    }
    this.#prompted = true;
    if (password === undefined || !canBeTyped(password)) {
      const said = password === undefined ? '' : 'the one that came is empty, too long or of several lines';
      // It may still let the command itself run without one.
      const refusal = {
        reason: 'sudo-password-needed',
        commandMayBeAllowed: true,
        passwordAccepted: false,
      } as const;
      return this.#fail(sudoOutcome('sudo-password-needed', shown, runAs, said), refusal);
    }
    if (!isHostKeyVouchedFor()) {
      return this.#fail({
        state: 'auth-failed',
        reason: 'host-key-unproven',
        message: `${shown} was not sent the sudo password, since its host key is known on first sight only.`,
      });
    }
    this.#stopLimit();
    const admission = gate.admit(this.#thinking.signal);
    const enter = (admitted: Awaited<typeof admission>) => {
      if (this.#phase === 'over') {
        if (admitted.kind === 'try') admitted.ticket.unused();
        return;
      }
      this.#runLimit();
      if (admitted.kind === 'withheld') {
        return this.#fail({
          state: 'auth-failed',
          reason: 'password-withheld',
          message: `${shown} was not sent the sudo password, since other hosts refused it.`,
        });
      }
      this.#ticket = admitted.ticket;
      this.#write(true);
    };
    if (admission instanceof Promise) void admission.then(enter);
    else enter(admission);
  }

  /** One line: the password, or an empty one. */
  #write(withPassword: boolean): void {
    const { password } = this.#options;
    if (!withPassword || password === undefined) return this.#channel?.write(Buffer.from('\n'));
    this.#passwordSent = true;
    const line = Buffer.from(`${password.reveal()}\n`);
    // Wiped once it is on its way; ssh2 encrypts into a buffer of its own.
    void this.#channel?.send(line).then(() => line.fill(0));
  }

  #ready(rest: Buffer): void {
    const { handlers } = this.#options;
    this.#ticket?.accepted();
    this.#leave('ready');
    // For the shell to drop: see `sudo-text.ts`, 4.
    this.#channel!.write(Buffer.from('\n'));
    this.#resolve({ ok: true, channel: this.#channel! });
    if (rest.length > 0) handlers.stdout(rest);
  }

  #closed(end: ChannelEnd): void {
    if (this.#phase === 'over') return;
    const { shown } = this.#options;
    if (end.lost !== undefined) return this.#fail(notOpened({ kind: 'lost', detail: end.lost }, shown));
    if (!this.#begun) {
      const said = this.#stderr.text.trim() || this.#stdout.text;
      return this.#fail(shellUnusable(shown, end, said));
    }
    const refusal = readSudoRefusal(this.#stderr.text);
    // A prompt that was answered, and then nothing: sudo takes one try only.
    if (refusal.reason === 'sudo-password-needed' && this.#passwordSent) {
      return this.#refused({ ...refusal, reason: 'sudo-password-refused' });
    }
    this.#refused(refusal);
  }

  #refused(refusal: SudoRefusal): void {
    const { shown, runAs } = this.#options;
    if (refusal.passwordAccepted) this.#ticket?.accepted();
    // What sudo says of a password is known from the reason, or would be an insult.
    const said = refusal.reason.startsWith('sudo-password') ? '' : this.#stderr.text;
    this.#fail(sudoOutcome(refusal.reason, shown, runAs, said), refusal);
  }

  #limitNoise(stream: MarkerSearch): void {
    if (stream.bytes <= maximumNoiseBytes) return;
    const { shown } = this.#options;
    this.#fail({
      state: 'unreachable',
      reason: 'shell-unusable',
      message: `The start files at ${shown} wrote more than ${maximumNoiseBytes} bytes before anything could start.`,
    });
  }

  #passed(): void {
    const { shown, runAs, limitMs } = this.#options;
    if (!this.#begun) {
      return this.#fail({
        state: 'unreachable',
        reason: 'channel-refused',
        message: `${shown} gave no usable shell within ${limitMs / 1000} s.`,
      });
    }
    const said = `it did not come to an end within ${limitMs / 1000} s ${escapeHostText(this.#stderr.text.trim())}`;
    this.#fail(sudoOutcome('sudo-failed', shown, runAs, said));
  }

  #fail(outcome: Outcome, refusal?: SudoRefusal): void {
    if (this.#phase === 'over') return;
    if (this.#passwordSent) this.#ticket?.refused();
    else this.#ticket?.unused();
    this.#leave('over');
    // sudo may wait there for another try.
    this.#channel?.close();
    this.#resolve({ ok: false, outcome, ...(refusal && { refusal }) });
  }

  #leave(phase: 'ready' | 'over'): void {
    this.#phase = phase;
    this.#stopLimit();
    this.#thinking.abort();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
  }

  #runLimit(): void {
    const { clock } = this.#options;
    this.#limitSetMs = clock.monotonicMs();
    this.#limit = clock.setTimer(this.#leftMs, () => this.#passed());
  }

  #stopLimit(): void {
    if (this.#limit === undefined) return;
    this.#limit.cancel();
    this.#limit = undefined;
    this.#leftMs = Math.max(0, this.#leftMs - (this.#options.clock.monotonicMs() - this.#limitSetMs));
  }
}
