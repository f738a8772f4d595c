/** `GET /v1/jobs/:id/report`. */
import { jobReportSchema } from '@pogo/protocol';
import { findJob } from '../jobs/find-job.js';
import { jobDocument } from '../jobs/job-documents.js';
import { viewJob } from '../jobs/job-view.js';
import { recountJob } from '../report/recounted-job.js';
import { reportDocument } from '../report/report-document.js';
import { document, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { type Route, route } from './route.js';

export function reportRoutes(context: ApiContext): Route[] {
  const { leader, store } = context;
  return [
    route({
      method: 'GET',
      url: '/v1/jobs/:id/report',
      namespaceBy: 'job',
      summary: 'What became of a job, and whether limits and sequences were kept',
      description:
        'Recounted from the log, over all jobs, by code that shares nothing with what decided. `complete` is false, and `missing` says why, where the log is not kept as far back as that takes.',
      params: jobParams,
      responses: {
        200: { description: 'Also of a job that runs: so far', schema: jobReportSchema },
        ...problemResponses(401, 404, 503),
      },
      async handle({ params: { id } }) {
        const viewed = await viewJob(context, id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, id, leader);
        const { job, hosts, acceptedIndex, archived } = viewed.view;
        const found = await findJob(context, String(job), (record, state) => ({
          document: jobDocument(record),
          last: record.endedAtMs === undefined ? state.nextIndex - 1 : record.lastIndex,
        }));
        if (found.kind === 'unknown' || found.kind === 'lost') return lookupProblem(found, id, leader);
        const { document: shown, last } =
          found.kind === 'live'
            ? found.value
            : { document: found.archived.document, last: (archived ?? found.archived).lastIndex };
        const now = await leader.view(({ atMs }) => leader.nowMs() ?? atMs);
        if (now.kind === 'lost') return storeUnavailable(leader);
        const recounted = await recountJob(
          { ...context, log: leader.log, documents: store.documents },
          { job, first: acceptedIndex, last },
        );
        return document(reportDocument(shown, recounted, hosts, now.answer));
      },
    }),
  ];
}
