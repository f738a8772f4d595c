/**
 * Ended jobs that have left the live state (L6): one small document each for lists, and a large one with their hosts. They
 * stay until their retention is over, and their specs with them.
 *
 * 1. Both documents are written before the entry `job-archived`; writing them again changes nothing.
 * 2. A job with an `unknown` host stays live for longer: evidence may still replace it (E2).
 */
import { formatJobId, type JobRecord } from '@pogo/core';
import { type JobDocument, type JobHostDocument, jobHostSchema, jobSchema } from '@pogo/protocol';
import { deleteLarge, type Documents, getLarge, putLarge, StoreError } from '@pogo/store';
import * as z from 'zod';
import type { HostList } from './host-names.js';
import { hostDocument, jobDocument } from './job-documents.js';
import type { Specs } from './specs.js';

const folder = 'archived/jobs/';
const hostsFolder = (job: number) => `archived/hosts/${formatJobId(job)}/`;

const archivedJobSchema = z.object({
  version: z.literal(1),
  document: jobSchema,
  specRef: z.string(),
  /** Digest of the document with the hosts. */
  hosts: z.string(),
  /** First and last log index of its history. */
  acceptedIndex: z.int(),
  lastIndex: z.int(),
  /** Every worker that ever had an order of it. */
  workers: z.array(z.string()).optional(),
});

/** An ended job without its hosts. */
export type ArchivedJob = z.infer<typeof archivedJobSchema> & { job: number };

export class Archive {
  readonly #documents: Documents;
  readonly #specs: Specs;
  readonly #uniqueId: () => string;

  constructor(options: { documents: Documents; specs: Specs; uniqueId: () => string }) {
    this.#documents = options.documents;
    this.#specs = options.specs;
    this.#uniqueId = options.uniqueId;
  }

  /** Copies what will be written; the record may change afterwards. */
  prepare(
    record: JobRecord,
    hosts: HostList,
  ): { job: number; document: JobDocument; write: () => Promise<void> } {
    const document = jobDocument(record);
    const { job, acceptedIndex, lastIndex } = record;
    const { specRef } = record.accepted;
    const workers = [...record.everAssignedTo];
    const value = Buffer.from(
      JSON.stringify(
        record.hosts.map((host, index) =>
          hostDocument(hosts.name(index), host, record.resolutions.get(index)?.detail),
        ),
      ),
    );
    return {
      job,
      document,
      write: async () => {
        const { digest } = await putLarge(this.#documents, {
          folder: hostsFolder(job),
          value,
          uniqueName: this.#uniqueId(),
        });
        const archived = { version: 1, document, specRef, hosts: digest, acceptedIndex, lastIndex, workers };
        await this.#documents.put(
          `${folder}${formatJobId(job)}`,
          Buffer.from(JSON.stringify(archived)),
          'any',
        );
      },
    };
  }

  async get(job: number): Promise<ArchivedJob | undefined> {
    const found = await this.#documents.get(`${folder}${formatJobId(job)}`);
    if (found === undefined) return undefined;
    return { job, ...archivedJobSchema.parse(JSON.parse(Buffer.from(found.value).toString('utf8'))) };
  }

  async hosts(archived: ArchivedJob): Promise<JobHostDocument[]> {
    const bytes = await getLarge(this.#documents, {
      folder: hostsFolder(archived.job),
      digest: archived.hosts,
    });
    if (bytes === undefined) {
      throw new StoreError(
        'store-corrupt',
        `the hosts of ${archived.document.id} are missing from the store`,
      );
    }
    return z.array(jobHostSchema).parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }

  /** Numbers of all archived jobs, ascending. */
  async list(): Promise<number[]> {
    const summaries = await this.#documents.list(folder);
    return summaries.map(({ key }) => Number(key.slice(folder.length + 1)));
  }

  async delete(archived: ArchivedJob): Promise<void> {
    await deleteLarge(this.#documents, { folder: hostsFolder(archived.job), digest: archived.hosts });
    await this.#specs.delete(archived.specRef);
    // Last, so that an interrupted deletion is found and finished.
    await this.#documents.delete(`${folder}${archived.document.id}`, 'any');
  }
}
