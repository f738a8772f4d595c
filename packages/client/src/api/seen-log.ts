/**
 * How far answers about a job or a namespace have seen its log, so that another dispatcher, which may be a moment behind,
 * shows nothing older: it is asked to wait until it has seen as much.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** Index of the newest batch that an answer has seen, at least. */
const indexHeader = 'pogo-log-index';
const subject = /^\/v1\/(?:jobs\/p\d{10}|namespaces\/[^/?]+)(?=[/?]|$)/;

export class SeenLog {
  /** By job or namespace: the highest index, and the dispatcher that has said it. */
  readonly #seen = new Map<string, { index: number; url: string }>();

  /** An answer of the dispatcher at `url`; a job that was just made is named by its `Location`. */
  note(path: string, url: string, { location, [indexHeader]: said }: IncomingHttpHeaders): void {
    const about = subject.exec(location ?? path)?.[0];
    const index = typeof said === 'string' && /^\d{1,15}$/.test(said) ? Number(said) : undefined;
    if (about === undefined || index === undefined) return;
    if (index >= (this.#seen.get(about)?.index ?? 0)) this.#seen.set(about, { index, url });
  }

  /** The path as it is asked for at `url`. */
  pathAt(path: string, url: string): string {
    const seen = this.#seen.get(subject.exec(path)?.[0] ?? '');
    if (seen === undefined || seen.url === url) return path;
    return `${path}${path.includes('?') ? '&' : '?'}min-index=${seen.index}`;
  }
}
