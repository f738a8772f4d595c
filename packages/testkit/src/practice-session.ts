import type { ServerChannel, Session } from 'ssh2';
import { channelOutput } from './channel-output.js';
import type { CommandExecution, CommandExecutor } from './command-execution.js';

export interface PracticeSessionOptions {
  executor: CommandExecutor;
  home: string;
  environment: Readonly<Record<string, string>>;
}

/** What Debian's sshd takes from a client's environment. */
const acceptedEnvironment = /^(LANG|LC_[A-Z_]+)$/;

/** Serves one SSH session: at most one command, with its streams, status and signals (RFC 4254, section 6). */
export function serveSession(session: Session, options: PracticeSessionOptions): void {
  const environment: Record<string, string> = { ...options.environment };
  let execution: CommandExecution | undefined;

  session.on('env', (accept, reject, { key, val }) => {
    // Neither answer exists when the client wants none.
    if (acceptedEnvironment.test(key)) {
      environment[key] = val;
      (accept as (() => void) | undefined)?.();
    } else {
      (reject as (() => void) | undefined)?.();
    }
  });
  session.on('signal', (accept, _reject, { name }) => {
    execution?.signal(name);
    (accept as (() => void) | undefined)?.();
  });
  session.on('exec', (accept, reject, { command }) => {
    if (execution !== undefined) {
      reject();
      return;
    }
    const channel = accept();
    execution = execute(channel, command);
  });

  const execute = (channel: ServerChannel, command: string): CommandExecution => {
    const output = channelOutput(channel);
    const started = options.executor.execute({
      command,
      environment,
      home: options.home,
      stdin: channel,
      stdout: output.stdout,
      stderr: output.stderr,
      onExit(end) {
        if (end.kind === 'status') channel.exit(end.status);
        else channel.exit(end.signal, false, '');
      },
    });
    let open = true;
    channel.on('close', () => {
      if (open) started.hangUp();
    });
    // A connection that breaks surfaces on its channels.
    channel.on('error', () => undefined);
    void started.done.then(() => {
      open = false;
      void output.end();
    });
    return started;
  };
}
