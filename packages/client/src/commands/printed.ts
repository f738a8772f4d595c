import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, type Result } from '../failure.js';
import { Writer } from '../render/writer.js';

/** Prints to stdout; a reader that went away ends the command quietly. */
export async function printed(environment: Environment, text: string): Promise<Result<ExitCode>> {
  const writer = new Writer(environment.stdout);
  await writer.write(text);
  await writer.flush();
  return writer.result(exitCodes.success);
}
