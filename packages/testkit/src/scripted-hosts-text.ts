/** Reads what a scripted host needs to know from the stub's text: a reader of one writer's lines, no shell. */

export interface ScriptedClaim {
  key: string;
  index: number;
  job: number;
  attempt: number;
}

export type ScriptedText =
  | {
      kind: 'run';
      nonce: string;
      timeoutMs: number;
      claim: ScriptedClaim | undefined;
      environment: ReadonlyMap<string, string>;
      words: readonly string[];
    }
  /** Asks what became of an attempt, and runs nothing. */
  | { kind: 'probe'; nonce: string; claim: ScriptedClaim };

export type ScriptedTextReading =
  { kind: 'unfinished' } | { kind: 'read'; text: ScriptedText } | { kind: 'unreadable'; reason: string };

/** The brace group's end: a shell runs nothing before it. */
const ending = /\nexit 0\n\}\n+$/;
/** Nonce, time limit, grace and silence limit, in milliseconds. */
const settingsLine = /^\w+=([0-9A-Za-z]{16,64}) \w+=(\d{1,10}) \w+=\d{1,10} \w+=\d{1,10}\n/m;
/** Key (in the name of its files), log index, job, attempt, day and how long to wait. */
const claimLine = /^\w+=\.pogo-([0-9a-f]{16})- \w+=(\d+) \w+=(\d+) \w+=(\d+) \w+=\d+ \w+=\d+\n/;
const exportLine = /^export (\w+)=/;
const wordsLine = /^set --(?: --)?(?= |\n)/;

/** `text` is all that has come so far, as latin1. */
export function readScriptedText(text: string): ScriptedTextReading {
  if (!ending.test(text.slice(-32))) return { kind: 'unfinished' };
  const settings = settingsLine.exec(text);
  if (settings === null) return unreadable("it doesn't know this text of the stub's");
  const nonce = settings[1]!;
  let rest = text.slice(settings.index + settings[0].length);
  const claimed = claimLine.exec(rest);
  let claim: ScriptedClaim | undefined;
  if (claimed !== null) {
    const [line, key, index, job, attempt] = claimed;
    claim = { key: key!, index: Number(index), job: Number(job), attempt: Number(attempt) };
    rest = rest.slice(line.length);
    if (/^\w+ "\$@"/.test(rest)) return { kind: 'read', text: { kind: 'probe', nonce, claim } };
  }
  const environment = new Map<string, string>();
  for (let start = exportLine.exec(rest); start !== null; start = exportLine.exec(rest)) {
    const { words, rest: behind } = readWords(rest.slice(start[0].length));
    environment.set(start[1]!, words[0] ?? '');
    rest = behind.slice(1);
  }
  const start = wordsLine.exec(rest);
  if (start === null) return unreadable('it has no fences, no attachments and no retries');
  const { words } = readWords(rest.slice(start[0].length));
  return {
    kind: 'read',
    text: { kind: 'run', nonce, timeoutMs: Number(settings[2]), claim, environment, words },
  };
}

function unreadable(reason: string): ScriptedTextReading {
  return { kind: 'unreadable', reason };
}

/** Words in single quotes, each with an optional space before it; a single quote in one is `'\''`. */
function readWords(text: string): { words: string[]; rest: string } {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    const open = text[at] === ' ' ? at + 1 : at;
    if (text[open] !== "'") return { words, rest: text.slice(at) };
    let word = '';
    at = open;
    for (;;) {
      const close = text.indexOf("'", at + 1);
      if (close < 0) return { words, rest: '' };
      word += text.slice(at + 1, close);
      at = close + 1;
      if (!text.startsWith("\\''", at)) break;
      word += "'";
      at += 2;
    }
    words.push(Buffer.from(word, 'latin1').toString('utf8'));
  }
}
