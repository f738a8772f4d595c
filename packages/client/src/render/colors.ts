import picocolors from 'picocolors';
import type { OutputStream } from '../environment.js';

export type Colors = ReturnType<typeof picocolors.createColors>;
export type ColorChoice = 'auto' | 'always' | 'never';

/** Colours for a stream: as told, else on a terminal unless NO_COLOR is set or the terminal is dumb. */
export function colorsFor(
  stream: OutputStream,
  choice: ColorChoice,
  variables: Readonly<Record<string, string | undefined>>,
): Colors {
  return picocolors.createColors(choice === 'always' || (choice === 'auto' && automatic(stream, variables)));
}

function automatic(stream: OutputStream, variables: Readonly<Record<string, string | undefined>>): boolean {
  if (variables['NO_COLOR'] !== undefined && variables['NO_COLOR'] !== '') return false;
  if (variables['FORCE_COLOR'] !== undefined && variables['FORCE_COLOR'] !== '')
    return variables['FORCE_COLOR'] !== '0';
  if (variables['CLICOLOR'] === '0') return false;
  return stream.isTTY === true && variables['TERM'] !== 'dumb';
}
