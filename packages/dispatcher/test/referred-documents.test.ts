import { compileNamespace, createState, type Namespace } from '@pogo/core';
import { MemoryBacking } from '@pogo/store';
import { describe, expect, it } from 'vitest';
import { NamespaceDocuments } from '../src/namespaces/namespace-documents.js';
import { referredIn } from './support/leader.js';

const definition = {
  apps: { web: ['web[1-2]'] },
  envs: {},
  constraints: {},
  holdFailures: 'until-well' as const,
};

function namespace(): Namespace {
  const compiled = compileNamespace(definition);
  if (!compiled.ok) throw new Error('not a namespace');
  return compiled.namespace;
}

describe('the namespaces that entries refer to', () => {
  it('are kept while an entry may be folded that names them, and then only the one that was folded last', async () => {
    const referred = referredIn(new MemoryBacking().openHandle().documents);
    const folded = (ref: string) =>
      referred.withNamespace(ref, namespace(), () => Promise.resolve(referred.namespace(ref)));
    await folded('first');
    await folded('second');
    await referred.withNamespace('refused', namespace(), () => Promise.resolve());
    expect(referred.namespace('second').hosts).toEqual(['web1', 'web2']);
    expect(() => referred.namespace('first')).toThrow('first was not read');
    expect(() => referred.namespace('refused')).toThrow('refused was not read');
  });

  it('stay while somebody else still uses them', async () => {
    const referred = referredIn(new MemoryBacking().openHandle().documents);
    await referred.withNamespace('slow', namespace(), async () => {
      await referred.withNamespace('slow', namespace(), () => Promise.resolve());
      await referred.withNamespace('quick', namespace(), () => Promise.resolve(referred.namespace('quick')));
      expect(referred.namespace('slow').hosts).toEqual(['web1', 'web2']);
    });
  });

  it('are read before the log is folded, those between the first and the last of a batch as well', async () => {
    const { documents } = new MemoryBacking().openHandle();
    let ids = 0;
    const written = new NamespaceDocuments({ documents, uniqueId: () => `n${ids++}` });
    const refs = [await written.put({ text: '', definition }), await written.put({ text: '', definition })];
    const referred = referredIn(documents);
    const entries = refs.map((ref, at) => ({
      type: 'namespace-applied' as const,
      version: at + 1,
      ref,
      by: 'ada',
    }));
    await referred.fold(createState(referred), entries, () => {
      for (const ref of refs) expect(referred.namespace(ref).hosts).toEqual(['web1', 'web2']);
    });
    expect(() => referred.namespace(refs[0]!)).toThrow('was not read');
    expect(referred.namespace(refs[1]!).hosts).toEqual(['web1', 'web2']);
  });
});
