import type { Secret } from '@pogo/protocol';

/** sudo of old reads no longer lines than this from its stdin, and leaves the rest of them there. */
const maxPasswordBytes = 255;

/** Whether sudo can be handed the password as one line: it takes a carriage return for a line's end, too. */
export function canBeTyped(password: Secret): boolean {
  const text = password.reveal();
  return text !== '' && !/[\0\r\n]/.test(text) && Buffer.byteLength(text) <= maxPasswordBytes;
}
