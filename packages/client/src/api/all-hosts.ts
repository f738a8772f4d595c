import type { JobHostDocument } from '@pogo/protocol';
import { type Result, success } from '../failure.js';
import type { Dispatcher } from './dispatcher.js';

/** Every host of a job, in the order of its targets, over as many pages as that takes. */
export async function allHosts(
  dispatcher: Dispatcher,
  job: string,
  state?: string,
): Promise<Result<JobHostDocument[]>> {
  const found: JobHostDocument[] = [];
  let cursor: string | undefined;
  do {
    const page = await dispatcher.hosts(job, {
      limit: 10_000,
      ...(state !== undefined && { state }),
      ...(cursor !== undefined && { cursor }),
    });
    if (!page.ok) return page;
    for (const host of page.value.hosts) found.push(host);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined);
  return success(found);
}
