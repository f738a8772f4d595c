/** Every schema of the API, apart: loaded while the first answer is under way, since loading takes time. */
export {
  jobEventSchema,
  jobHostListSchema,
  jobListSchema,
  jobSchema,
  outputLineSchema,
  pingResponseSchema,
  planResponseSchema,
  problemSchema,
} from '@pogo/protocol';
