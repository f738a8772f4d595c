/**
 * Checks a namespace's file. A large one takes seconds, in which a process with one thread answers nobody: it is checked in a
 * thread of its own, which ends with it.
 *
 * 1. One thread at a time: the tree of a file of 4 MB takes hundreds of megabytes.
 * 2. What a thread finds to be right is compiled here, since a namespace can't be handed over: less than half of the work.
 */
import { Worker } from 'node:worker_threads';
import { compileNamespace, type Namespace, type NamespaceDefinition } from '@pogo/core';
import { checkNamespace, type FileProblem, foreignHostProblems } from '@pogo/protocol';
import { Turns } from '../turns.js';

/** Name of the file, for messages, and what is in it. */
export interface NamespaceFile {
  readonly file: string;
  readonly text: string;
  /** Hosts of a file that is right otherwise that are other namespaces', with whose they are: only these are looked for. */
  readonly foreign?: ReadonlyMap<string, string>;
}

export type NamespaceCheckOutcome =
  | { readonly ok: true; readonly namespace: Namespace }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

export type NamespaceCheck = (file: NamespaceFile) => Promise<NamespaceCheckOutcome>;

export const checkHere: NamespaceCheck = (file) => Promise.resolve(checkAtOnce(file));

function checkAtOnce({ file, text, foreign }: NamespaceFile): NamespaceCheckOutcome {
  return foreign === undefined
    ? checkNamespace(text, file)
    : { ok: false, problems: foreignHostProblems(text, file, foreign) };
}

/** Characters of a file that is checked at once: a few milliseconds. */
const smallFile = 16 * 1024;

/** What a thread answers. */
type ThreadAnswer =
  { ok: true; definition: NamespaceDefinition } | { ok: false; problems: readonly FileProblem[] };

/** @param program file of a program that calls {@link answerCheck} when it is started as a thread. */
export function checkInThreads(program: string): NamespaceCheck {
  const turns = new Turns();
  return async (file) => {
    if (file.text.length <= smallFile) return checkHere(file);
    const answer = await turns.take('thread', () => askThread(program, file));
    if (!answer.ok) return answer;
    const compiled = compileNamespace(answer.definition);
    if (!compiled.ok) throw new Error('a namespace that a thread has compiled does not compile');
    return { ok: true, namespace: compiled.namespace };
  };
}

function askThread(program: string, file: NamespaceFile): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(program, { workerData: file, env: {}, execArgv: [] });
    thread.once('message', (answer: ThreadAnswer) => {
      resolve(answer);
      void thread.terminate();
    });
    thread.once('error', reject);
    thread.once('exit', () =>
      reject(new Error('the thread that checked the namespace ended without a word')),
    );
  });
}

/** In the thread: what to answer about the file that it was given. */
export function answerCheck(file: NamespaceFile): ThreadAnswer {
  const checked = checkAtOnce(file);
  return checked.ok ? { ok: true, definition: checked.namespace.definition } : checked;
}
