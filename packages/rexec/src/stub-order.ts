/** What a job's spec asks of the stub and of sudo. */
import type { ResolvedSpec } from '@pogo/protocol';
import type { StubCommand, StubSteps } from '@pogo/stub';

/** What the host does besides the command; its own hooks run unless the job says no. */
export function stepsOf({ hooks, pre, post, health }: ResolvedSpec): StubSteps {
  return {
    prehooks: hooks?.pre ?? true,
    ...(pre !== undefined && { pre }),
    ...(post !== undefined && { post }),
    posthooks: hooks?.post ?? true,
    ...(health && { health: { ...health, script: health.command } }),
  };
}

/** What sudo would be asked to run by itself; a script lies where no rule can name it. */
export function argvOf(command: StubCommand): readonly (Uint8Array | string)[] | undefined {
  switch (command.kind) {
    case 'argv':
      return command.argv;
    case 'shell':
      return ['/bin/sh', '-c', command.script];
    case 'script':
      return undefined;
  }
}
