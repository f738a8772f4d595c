import type { OutputFrame, OutputLine } from '@pogo/protocol';
import type { HostList } from '../jobs/host-names.js';

/** One line of the output stream. */
export function outputLine(value: OutputLine): string {
  return `${JSON.stringify(value)}\n`;
}

/** Frames as lines: the bytes as base64, what is missing by name. */
export function frameLines(frames: readonly OutputFrame[], hosts: HostList): string {
  let lines = '';
  for (const { kind, host: index, attempt, offset, data } of frames) {
    const host = hosts.name(index);
    if (kind === 'gap') {
      lines += outputLine({ type: 'gap', host, detail: `${offset} bytes of its output were not kept` });
    } else if (kind !== 'end') {
      const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
      lines += outputLine({ type: 'output', host, attempt, stream: kind, offset, data: base64 });
    }
  }
  return lines;
}
