/** A namespace as a scripted dispatcher has it: what is applied is checked with the real schemas, and kept. */
import type { ServerResponse } from 'node:http';
import {
  applyNamespaceRequestSchema,
  checkNamespace,
  type NamespaceDocument,
  namespaceSchema,
  namespaceVersionSchema,
  namespaceVersionsSchema,
} from '@pogo/protocol';
import { json, problem } from './answers.js';
import type { SentRequest } from './scripted-dispatcher.js';

export class ScriptedNamespace {
  /** Files in the order in which they were applied. */
  readonly applied: { file: string; text: string }[] = [];
  /** How much of each slot is in use, by name. */
  readonly use: Record<string, number> = {};
  /** What is warned of besides. */
  readonly warnings: string[] = [];

  /** Answers requests about the namespace. */
  readonly intercept = (request: SentRequest, response: ServerResponse): boolean => {
    const { version } = this.document;
    if (request.path === '/v1/namespaces/default/versions') {
      const versions = this.applied.map((_file, index) => this.#applied(index + 1)).reverse();
      json(response, 200, namespaceVersionsSchema.parse({ versions, kept: 100 }));
      return true;
    }
    const asked = /^\/v1\/namespaces\/default\/versions\/(\d+)$/.exec(request.path);
    if (asked !== null) {
      const file = this.applied[Number(asked[1]) - 1];
      if (file === undefined)
        problem(response, 404, 'unknown-version', `There is no version ${asked[1]!} here.`);
      else {
        const shown = { name: 'default', ...this.#applied(Number(asked[1])), text: file.text };
        json(response, 200, namespaceVersionSchema.parse(shown));
      }
      return true;
    }
    if (request.path !== '/v1/namespaces/default') return false;
    if (request.method === 'GET') json(response, 200, namespaceSchema.parse(this.document));
    else if ((request.headers['if-match'] ?? `"${version}"`) !== `"${version}"`)
      problem(response, 412, 'namespace-changed', `Version ${version} is in force.`);
    else {
      this.applied.push(applyNamespaceRequestSchema.parse(JSON.parse(request.body)));
      const { text: _text, ...shown } = this.document;
      json(response, 200, namespaceSchema.parse(shown));
    }
    return true;
  };

  #applied(version: number) {
    const inForce = version === this.applied.length;
    return { version, inForce, appliedBy: 'ada', appliedAtMs: version * 86_400_000 };
  }

  get document(): NamespaceDocument {
    const name = 'default';
    const version = this.applied.length;
    const last = this.applied.at(-1);
    if (last === undefined) return { name, version, hosts: 0, slots: [], stages: [], warnings: [] };
    const checked = checkNamespace(Buffer.from(last.text), last.file);
    if (!checked.ok) throw new Error('a file with problems came through');
    const { hosts, slots, warnings } = checked.namespace;
    return {
      name,
      version,
      hosts: hosts.length,
      slots: slots.map(({ name: slot, app, type, value, members, limit, written }) => {
        return { name: slot, app, type, value, members, limit, written, use: this.use[slot] ?? 0 };
      }),
      stages: [],
      warnings: [...warnings.map(({ message }) => message), ...this.warnings],
      text: last.text,
    };
  }
}
