import type { ApiContext } from './context.js';
import { eventRoutes } from './events.js';
import { freezeRoutes } from './freeze.js';
import { haltRoutes } from './halt.js';
import { holdRoutes } from './hold.js';
import { jobHostRoutes } from './job-hosts.js';
import { jobRoutes } from './jobs.js';
import { namespaceRoutes } from './namespaces.js';
import { namespaceVersionRoutes } from './namespace-versions.js';
import { outputRoutes } from './output.js';
import { planRoutes } from './plans.js';
import { replayRoutes } from './replay.js';
import { reportRoutes } from './report.js';
import { resolveRoutes } from './resolve.js';
import { resumeRoutes } from './resume.js';
import { retryRoutes } from './retry.js';
import type { Route } from './route.js';

/** Every route that is about one namespace, or its jobs. */
export function apiRoutes(context: ApiContext): Route[] {
  return [
    ...planRoutes(context),
    ...jobRoutes(context),
    ...jobHostRoutes(context),
    ...eventRoutes(context),
    ...outputRoutes(context),
    ...haltRoutes(context),
    ...holdRoutes(context),
    ...resumeRoutes(context),
    ...retryRoutes(context),
    ...resolveRoutes(context),
    ...replayRoutes(context),
    ...namespaceRoutes(context),
    ...namespaceVersionRoutes(context),
    ...freezeRoutes(context),
    ...reportRoutes(context),
  ];
}
