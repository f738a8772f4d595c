/** Versions of the namespace's file: readable as long as they are kept, over restarts too, and swept when they aren't. */
import { keptNamespaceVersions, type LogEntry } from '@pogo/core';
import { namespaceVersionSchema, namespaceVersionsSchema } from '@pogo/protocol';
import { MemoryBacking } from '@pogo/store';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NamespaceDocuments } from '../src/namespaces/namespace-documents.js';
import { VersionSweeper } from '../src/namespaces/version-sweeper.js';
import type { ApiClient } from './support/api-client.js';
import { Cluster } from './support/cluster.js';
import { makeLeader } from './support/leader.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const file = (hosts: number) => `apps: { web: 'web[1-${hosts}]' } # ${hosts}\r\n`;
const apply = (api: ApiClient, hosts: number) =>
  api.call('/v1/namespaces/default', { method: 'PUT', body: { file: 'prod.yaml', text: file(hosts) } });
const versions = async (api: ApiClient) =>
  namespaceVersionsSchema.parse((await api.call('/v1/namespaces/default/versions')).json());

describe('versions of a namespace', () => {
  it('are none at first', async () => {
    const { api } = await cluster.dispatcher();
    expect(await versions(api)).toEqual({ versions: [], kept: keptNamespaceVersions });
    const reply = await api.call('/v1/namespaces/default/versions/1');
    expect(reply.status).toBe(404);
    expect(reply.json()).toMatchObject({
      type: 'urn:pogo:problem:unknown-version',
      detail: 'There is no version 1 here: no file was applied yet.',
    });
  });

  it('stay readable with who and when, byte for byte, over a restart', async () => {
    const store = new MemoryBacking();
    const first = await cluster.dispatcher({ store: store.openHandle() });
    await apply(first.api, 1);
    await apply(first.api, 2);
    await first.stop();
    const { api } = await cluster.dispatcher({ store: store.openHandle() });
    await apply(api, 3);
    const listed = await versions(api);
    expect(listed.versions.map(({ version, inForce, appliedBy }) => [version, inForce, appliedBy])).toEqual([
      [3, true, 'ada'],
      [2, false, 'ada'],
      [1, false, 'ada'],
    ]);
    const times = listed.versions.map(({ appliedAtMs }) => appliedAtMs!);
    expect([...times].sort((one, other) => other - one)).toEqual(times);
    const old = namespaceVersionSchema.parse((await api.call('/v1/namespaces/default/versions/2')).json());
    expect(old).toEqual({ name: 'default', ...listed.versions[1], text: file(2) });
  });

  it('that were never applied are said to be unknown, and so are those of another namespace', async () => {
    const { api } = await cluster.dispatcher();
    await apply(api, 1);
    await apply(api, 2);
    expect((await api.call('/v1/namespaces/default/versions/3')).json()).toMatchObject({
      status: 404,
      detail: 'There is no version 3 here: versions 1 to 2 are kept.',
    });
    expect((await api.call('/v1/namespaces/default/versions/0')).status).toBe(400);
    expect((await api.call('/v1/namespaces/other/versions')).json()).toMatchObject({
      type: 'urn:pogo:problem:unknown-namespace',
    });
  });
});

describe('the sweeper of versions', () => {
  const scene = async () => {
    const store = new MemoryBacking().openHandle();
    const test = makeLeader({ store });
    await test.leader.start();
    await test.leader.leading();
    let ids = 0;
    const namespaces = new NamespaceDocuments({
      documents: store.documents,
      uniqueId: () => `version-${++ids}`,
    });
    const sweeper = new VersionSweeper({
      leader: test.leader,
      namespaces,
      clock: test.clock,
      logger: pino({ level: 'silent' }),
      everyMs: 1000,
    });
    const put = () =>
      namespaces.put({
        text: file(1),
        definition: {
          apps: { web: ['web1'] },
          envs: {},
          constraints: {},
          holdFailures: 'until-well',
        },
      });
    const folders = async () => [...(await namespaces.folders()).keys()];
    return { store, test, namespaces, sweeper, put, folders };
  };

  it('deletes what no version refers to, once it has found it so twice', async () => {
    const { test, sweeper, put, folders } = await scene();
    await put();
    await sweeper.sweep();
    expect(await folders()).toEqual(['namespaces/version-1/']);
    await sweeper.sweep();
    expect(await folders()).toEqual([]);
    await test.leader.stop();
  });

  it('leaves every version that is kept, and older ones while the log may still name them', async () => {
    const { store, test, namespaces, sweeper, put, folders } = await scene();
    const over = 2;
    for (let version = 1; version <= keptNamespaceVersions + over; version++) {
      const ref = await put();
      const { namespace } = await namespaces.get(ref);
      const entry: LogEntry = { type: 'namespace-applied', version, ref, by: 'ada' };
      await test.referred.withNamespace(ref, namespace, () =>
        test.leader.command(() => ({ entries: [entry], answer: undefined })),
      );
    }
    await sweeper.sweep();
    await sweeper.sweep();
    expect(await folders()).toHaveLength(keptNamespaceVersions + over);
    const log = store.log('default');
    const { version } = await log.pointer();
    const next = await test.leader.read((state) => state.nextIndex);
    if (next.kind === 'lost') throw new Error('lost');
    await log.prune({ before: next.answer, snapshot: 'unused', expectedVersion: version });
    await sweeper.sweep();
    await sweeper.sweep();
    const left = await folders();
    expect(left).toHaveLength(keptNamespaceVersions);
    expect(left).not.toContain('namespaces/version-1/');
    expect(left).toContain(`namespaces/version-${over + 1}/`);
    await test.leader.stop();
  });
});
