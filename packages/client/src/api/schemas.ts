/** Every schema of the API, apart: loaded while the first answer is under way, since loading takes time. */
export {
  attachmentSchema,
  explanationSchema,
  hostInformationSchema,
  jobEventSchema,
  jobHostListSchema,
  jobListSchema,
  jobSchema,
  jobSpecSchema,
  namespaceSchema,
  outputLineSchema,
  pingResponseSchema,
  planResponseSchema,
  problemSchema,
  replayResponseSchema,
  verbResponseSchema,
} from '@pogo/protocol';
