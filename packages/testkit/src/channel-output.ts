/**
 * A server channel's stdout and stderr, written through one door.
 *
 * ssh2 1.17 keeps one mark for "waits for the client's window" for both streams, resumes only one of them when the
 * window grows, and never forgets what it has resumed: with both streams waiting, one stops for ever or the other's
 * bytes are sent twice. Hence:
 *
 * 1. At most one write is under way in ssh2, whichever stream it belongs to.
 * 2. When it is done, what ssh2 kept of it is forgotten.
 */
import { Writable } from 'node:stream';
import type { ServerChannel } from 'ssh2';

/** What ssh2 keeps of a write that waited. */
interface WaitingWrite {
  _chunk?: Buffer | undefined;
  _chunkcb?: (() => void) | undefined;
  _chunkErr?: Buffer | undefined;
  _chunkcbErr?: (() => void) | undefined;
}

export interface ChannelOutput {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Resolves when all that was written is with the client, and ends the channel. Never, if the channel is gone. */
  end(): Promise<void>;
}

export function channelOutput(channel: ServerChannel): ChannelOutput {
  const waiting = channel as ServerChannel & WaitingWrite;
  let last: Promise<void> = Promise.resolve();

  const streamTo = (target: Writable): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        last = last.then(
          () =>
            new Promise((resolve) => {
              target.write(chunk, () => {
                waiting._chunk = undefined;
                waiting._chunkcb = undefined;
                waiting._chunkErr = undefined;
                waiting._chunkcbErr = undefined;
                resolve();
                done();
              });
            }),
        );
      },
    });
  const stdout = streamTo(channel);
  const stderr = streamTo(channel.stderr);
  const flushed = (stream: Writable) => new Promise<void>((resolve) => stream.end(resolve));

  return {
    stdout,
    stderr,
    async end() {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      channel.stderr.end(() => channel.end());
    },
  };
}
