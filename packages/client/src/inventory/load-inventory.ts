/** Reads one inventory of a namespace file: a file of Ansible's, or what a program prints. */
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DeclaredInventory, FileProblem } from '@pogo/protocol';
import { stateHome } from '../configuration/locations.js';
import type { Environment } from '../environment.js';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { systemErrorText } from '../system-error.js';
import { AnswerCache, type KeptAnswer } from './answer-cache.js';
import { readAnsibleIni } from './ansible-ini.js';
import { readAnsibleYaml } from './ansible-yaml.js';
import { readInventoryJson } from './inventory-json.js';
import type { Inventory } from './inventory.js';
import { runProgram } from './run-program.js';

/** Largest file, and most that a program may print, in bytes. */
export const maxInventoryBytes = 16 * 1024 * 1024;

export interface LoadedInventory {
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** What the user should hear about, in sentences. */
  readonly notes: readonly string[];
}

export type InventoryOutcome =
  | { readonly kind: 'loaded'; readonly inventory: LoadedInventory }
  | { readonly kind: 'problems'; readonly problems: readonly FileProblem[] };

export interface InventoryContext {
  readonly environment: Environment;
  /** The namespace file, as messages name it, and the directory that its paths are relative to. */
  readonly file: string;
  readonly directory: string;
}

export function loadInventory(
  context: InventoryContext,
  declared: DeclaredInventory,
): Promise<Result<InventoryOutcome>> {
  return declared.source.kind === 'ansible'
    ? loadFile(context, declared, declared.source)
    : loadAnswer(context, declared, declared.source);
}

async function loadFile(
  { file, directory }: InventoryContext,
  { line, column }: DeclaredInventory,
  source: DeclaredInventory['source'] & { kind: 'ansible' },
): Promise<Result<InventoryOutcome>> {
  const path = resolve(directory, source.path);
  const read = await readAtMost(path);
  if (!read.ok) {
    const message = `${source.path}: ${read.cause}`;
    return success({
      kind: 'problems',
      problems: [{ file, line, column, code: 'unreadable-inventory', message }],
    });
  }
  const inventory = isYaml(source.path, read.text) ? readAnsibleYaml(read.text) : readAnsibleIni(read.text);
  return success(
    outcomeOf(inventory, { names: source.names, implicit: false, file: source.path, line: 1, column: 1 }),
  );
}

async function readAtMost(path: string): Promise<{ ok: true; text: string } | { ok: false; cause: string }> {
  try {
    const handle = await open(path);
    try {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of handle.createReadStream({ autoClose: false })) {
        chunks.push(chunk as Buffer);
        bytes += (chunk as Buffer).length;
        if (bytes > maxInventoryBytes)
          return { ok: false, cause: `it has more than ${maxInventoryBytes} bytes` };
      }
      return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { ok: false, cause: error instanceof TypeError ? "it isn't UTF-8" : systemErrorText(error) };
  }
}

/** By its name, or else by the first line that says anything: `all:` or `---`. */
function isYaml(path: string, text: string): boolean {
  if (/\.(?:ya?ml|json)$/i.test(path)) return true;
  if (/\.ini$/i.test(path)) return false;
  const first = /^(?![ \t]*(?:[#;]|\r?$))(.*)$/m.exec(text)?.[1] ?? '';
  return /^(?:---|[\w.-]+:\s*(?:#.*)?$)/.test(first.trimEnd());
}

function outcomeOf(
  inventory: Inventory,
  at: { names: 'inventory' | 'ansible_host'; implicit: boolean; file: string; line: number; column: number },
): InventoryOutcome {
  const resolved = inventory.resolve(at);
  if (resolved.ok) return { kind: 'loaded', inventory: resolved };
  const problems = resolved.problems.map(({ place, code, message }) => ({
    ...{ file: at.file, code, message },
    ...(place ?? { line: at.line, column: at.column }),
  }));
  return { kind: 'problems', problems };
}

async function loadAnswer(
  { environment, file, directory }: InventoryContext,
  { name, line, column }: DeclaredInventory,
  source: DeclaredInventory['source'] & { kind: 'command' },
): Promise<Result<InventoryOutcome>> {
  const layout = stateHome(environment);
  if (!layout.ok) return layout;
  const call = { argv: programOf(source.argv, directory), directory };
  const cache = new AnswerCache({
    directory: join(layout.value.client.dir, 'inventories'),
    call,
    uniqueId: () => environment.uniqueId(),
  });
  const at = { names: 'inventory' as const, implicit: true, file, line, column };
  const refused = (code: string, message: string): Result<InventoryOutcome> =>
    success({ kind: 'problems', problems: [{ file, line, column, code, message }] });
  const { timeoutMs } = source;
  const end = await runProgram(environment, { ...call, timeoutMs, maxBytes: maxInventoryBytes });
  if (end.kind === 'interrupted') {
    const message = `inventory ${name}: its program was ended, and nothing else was done`;
    return failed({ code: 'interrupted', message, exitCode: exitCodes.interrupted });
  }
  const kept = await cache.read();
  if (end.kind === 'printed') {
    const text = end.output.toString('utf8');
    const answer = readInventoryJson(text);
    const outcome = answer.ok ? outcomeOf(answer.inventory, at) : undefined;
    if (outcome?.kind === 'loaded') {
      await cache.write({ atMs: environment.clock.wallMs(), text });
      return success(outcome);
    }
    const why = answer.ok
      ? outcome?.kind === 'problems'
        ? outcome.problems[0]!.message
        : ''
      : answer.message;
    const advice =
      kept === undefined ? '' : `; its last good answer, ${ageOf(kept, environment)} old, isn't used instead`;
    return refused(
      'invalid-inventory',
      `inventory ${name}: ${source.argv[0]!} has printed what is no inventory: ${why}${advice}`,
    );
  }
  const said = end.said === '' ? '' : `: ${lastLines(end.said)}`;
  const failure = `inventory ${name}: ${source.argv[0]!} failed, ${end.cause}${said}`;
  const answer = kept === undefined ? undefined : readInventoryJson(kept.text);
  const outcome = answer?.ok === true ? outcomeOf(answer.inventory, at) : undefined;
  if (kept === undefined || outcome?.kind !== 'loaded') return refused('inventory-failed', failure);
  const warning = `warning: ${failure}\nwarning: inventory ${name}: its last good answer is used, which is ${ageOf(kept, environment)} old\n`;
  environment.stderr.write(neutralise(warning));
  return success(outcome);
}

/** A program with a slash in its name is relative to the namespace file; any other one is looked for in PATH. */
function programOf([program = '', ...args]: readonly string[], directory: string): string[] {
  return [program.includes('/') ? resolve(directory, program) : program, ...args];
}

function ageOf({ atMs }: KeptAnswer, { clock }: Environment): string {
  const minutes = Math.max(0, Math.floor((clock.wallMs() - atMs) / 60_000));
  if (minutes < 60) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours === 1 ? '1 hour' : `${hours} hours`;
  return `${Math.floor(hours / 24)} days`;
}

const shownLines = 3;

function lastLines(said: string): string {
  return said.split('\n').slice(-shownLines).join(' | ');
}
