/** The HTTP API about namespaces, and about what keeps hosts waiting. */
import { hostStates, jobStates } from '@pogo/core';
import * as z from 'zod';
import { maxNamespaceFileBytes } from './namespace-document/index.js';
import { deadlockSchema, freezeSchema, jobIdSchema, rampStateSchema } from './client-api.js';

/**
 * `PUT /v1/namespaces/:name`; with `If-Match: "VERSION"` only if that is the one in force, `"0"` being none; with
 * `If-None-Match: *` only if there is no such namespace, which is made.
 */
export const applyNamespaceRequestSchema = z.strictObject({
  /** Name of the file, for messages. */
  file: z.string().min(1).max(4096),
  /** The file itself (docs: NAMESPACES.md). */
  text: z.string().max(maxNamespaceFileBytes),
});
export type ApplyNamespaceRequest = z.infer<typeof applyNamespaceRequestSchema>;

export const slotDocumentSchema = z.object({
  /** `frontend@coast=east` */
  name: z.string(),
  app: z.string(),
  type: z.string(),
  value: z.string(),
  /** Hosts of it in the namespace. */
  members: z.int(),
  /** Most of them that may be disturbed at once. */
  limit: z.int(),
  /** As the file has it: `25%`. */
  written: z.string(),
  /** Hosts of it that count now: disturbed, of unknown outcome, or not well since. */
  use: z.int(),
  /** Nothing new starts in it. */
  frozen: freezeSchema.optional(),
});
export type SlotDocument = z.infer<typeof slotDocumentSchema>;

/** `GET /v1/namespaces/:name`, and the answer to `PUT`. */
export const namespaceSchema = z.object({
  name: z.string(),
  /** Counts from 1; 0 while no file was ever applied. */
  version: z.int(),
  /** Hosts that it knows. */
  hosts: z.int(),
  slots: z.array(slotDocumentSchema),
  /** Steps of sequences, each with the names of those that come before it. */
  stages: z.array(z.object({ name: z.string(), after: z.array(z.string()) })),
  warnings: z.array(z.string()),
  /** Nothing new starts in any job. */
  frozen: freezeSchema.optional(),
  /** Slots that were frozen by an earlier version's name, and that this one doesn't have. */
  frozenElsewhere: z.array(freezeSchema.extend({ slot: z.string() })).optional(),
  /** The file as it was applied; absent in the answer to `PUT`. */
  text: z.string().optional(),
});
export type NamespaceDocument = z.infer<typeof namespaceSchema>;

/** `GET /v1/namespaces`: in the order in which they were made, `default` first. */
export const namespaceListSchema = z.object({
  namespaces: z.array(
    z.object({
      name: z.string(),
      /** Whether this dispatcher leads it; the rest is absent otherwise. */
      isLed: z.boolean(),
      version: z.int().optional(),
      hosts: z.int().optional(),
      /** Jobs that haven't ended. */
      openJobs: z.int().optional(),
      /** Nothing new starts in any job. */
      frozen: freezeSchema.optional(),
    }),
  ),
});
export type NamespaceList = z.infer<typeof namespaceListSchema>;

const appliedVersion = {
  version: z.int(),
  /** Whether its limits hold now. */
  inForce: z.boolean(),
  /** Who applied it; absent where an earlier release did, which didn't keep it. */
  appliedBy: z.string().optional(),
  /** When, in milliseconds since 1970; absent as `appliedBy` is. */
  appliedAtMs: z.int().optional(),
};

/** `GET /v1/namespaces/:name/versions`: the newest first. */
export const namespaceVersionsSchema = z.object({
  versions: z.array(z.object(appliedVersion)),
  /** How many are kept at most; older ones are gone. */
  kept: z.int(),
});
export type NamespaceVersions = z.infer<typeof namespaceVersionsSchema>;

/** `GET /v1/namespaces/:name/versions/:version` */
export const namespaceVersionSchema = z.object({
  name: z.string(),
  ...appliedVersion,
  /** The file as it was applied, byte for byte. */
  text: z.string(),
});
export type NamespaceVersionDocument = z.infer<typeof namespaceVersionSchema>;
const slotName = z.string().min(1).max(512);

/** `POST /v1/namespaces/:name/freeze`: nothing new starts in the slot, or without one in any job; what runs goes on. */
export const freezeRequestSchema = z.strictObject({
  /** `frontend@coast=east` */
  slot: slotName.optional(),
  /** Why, for those who wait. */
  note: z.string().min(1).max(500).optional(),
});

/** `POST /v1/namespaces/:name/thaw`: lifts a freeze, of the slot, or without one of the whole namespace. */
export const thawRequestSchema = z.strictObject({ slot: slotName.optional() });

/** One thing that keeps hosts waiting. */
export const obstacleSchema = z.discriminatedUnion('kind', [
  /** `--concurrent` of the job itself. */
  z.object({ kind: z.literal('own-cap'), concurrent: z.int(), disturbed: z.int() }),
  /** No room in a slot; `holders` are jobs whose hosts count in it: how many, which (folded), and how many more than are named. */
  z.object({
    kind: z.literal('slot'),
    slot: z.string(),
    use: z.int(),
    limit: z.int(),
    holders: z.array(
      z.object({ job: jobIdSchema, running: z.int(), notWell: z.int(), hosts: z.string(), more: z.int() }),
    ),
  }),
  /** Hosts of an earlier app of a sequence; `failed` of the pending ones have ended otherwise than by success. */
  z.object({ kind: z.literal('stage'), stage: z.string(), pending: z.int(), failed: z.int() }),
  /** Another attempt is under way on the host, or of unknown outcome. */
  z.object({ kind: z.literal('busy'), jobs: z.array(jobIdSchema) }),
  /** The slot is frozen, or without one the namespace. */
  freezeSchema.extend({ kind: z.literal('frozen'), slot: z.string().optional() }),
  /** The step of the job's ramp has no room for another host. */
  rampStateSchema.extend({ kind: z.literal('ramp'), limit: z.int(), nextAtMs: z.int().optional() }),
  /** The job itself starts nothing; `by` is who holds it. */
  z.object({ kind: z.literal('job-state'), state: z.enum(jobStates), by: z.string().optional() }),
  /**
   * None of the pool's workers that are connected, so many, can open the job's credentials; without a pool none of any
   * workers.
   */
  z.object({ kind: z.literal('pool'), pool: z.string().optional(), connected: z.int() }),
  /**
   * Nothing but a worker with room; those that decline have refused hosts of the job, and get none for a while; those that
   * are being drained get none until that is lifted.
   */
  z.object({
    kind: z.literal('worker'),
    declining: z.array(z.string()).optional(),
    draining: z.array(z.string()).optional(),
  }),
]);
export type ObstacleDocument = z.infer<typeof obstacleSchema>;

/** `GET /v1/jobs/:id/explanation`: what waits, and for what. */
export const explanationSchema = z.object({
  job: jobIdSchema,
  state: z.enum(jobStates),
  /** What held a job up that has ended as `deadlocked`. */
  deadlock: deadlockSchema.optional(),
  waiting: z.array(
    z.object({
      /** Folded names. */
      hosts: z.string(),
      count: z.int(),
      obstacles: z.array(obstacleSchema),
    }),
  ),
});
export type Explanation = z.infer<typeof explanationSchema>;

/** `GET /v1/namespaces/:name/hosts?targets=EXPR&limit=`: what is known about hosts. */
export const hostInformationSchema = z.object({
  hosts: z.array(
    z.object({
      host: z.string(),
      /** Whether the namespace knows it; the rest is empty otherwise. */
      known: z.boolean(),
      apps: z.array(z.string()),
      environments: z.array(z.object({ type: z.string(), value: z.string() })),
      slots: z.array(slotDocumentSchema),
      /** Jobs that count on it, and whether an attempt of theirs may be under way. */
      holders: z.array(z.object({ job: jobIdSchema, state: z.enum(hostStates), live: z.boolean() })),
    }),
  ),
  /** More hosts than `limit`. */
  more: z.int(),
});
export type HostInformation = z.infer<typeof hostInformationSchema>;
