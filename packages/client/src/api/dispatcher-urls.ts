import type { ClientProfile } from '@pogo/protocol';

/** Whether it is where a dispatcher may be: `https://HOST[:PORT]`, no path. */
export function isDispatcherUrl(text: string): boolean {
  return /^https:\/\/[^/?#@\s]+$/.test(text) && URL.canParse(text);
}

/** Every dispatcher that the profile names, in order, each once. */
export function dispatcherUrls({ url, others = [] }: Pick<ClientProfile, 'url' | 'others'>): string[] {
  return [...new Set([url, ...others])];
}
