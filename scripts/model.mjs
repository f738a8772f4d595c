/**
 * `npm run model`: checks the models of `model/` with spin. Each check of `model/checks.json` is a model with all of its rules, of which
 * every state has to be visited without an error, or a model with a rule removed, in which a stated property has to break.
 *
 *     npm run model                       all of them, and a table; fails when a check does
 *     npm run model -- --only NAME ...    those whose names begin with one of these
 *     npm run model -- --trace NAME       what led to the broken property, in words
 *     npm run model -- --json             a line of JSON for each, as it ends
 *     npm run model -- --jobs N           so many at a time (2)
 *
 * Wants spin and gcc (Debian: spin gcc libc6-dev). Each check takes at most 480 MB of states.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'model');
const memoryMegabytes = 480;
const longestPath = 100_000;

/** Resolves to what it wrote, whatever its status. */
function run(program, args, cwd) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') {
        reject(
          new Error(
            `pogo: program-missing: ${program} can't be started (${error.code}): install Debian's spin, gcc and libc6-dev`,
          ),
        );
      } else resolve({ failed: error !== null, text: stdout + stderr });
    });
  });
}

async function built(program, args, cwd) {
  const { failed, text } = await run(program, args, cwd);
  if (failed) throw new Error(`pogo: model-not-built: ${program} ${args.join(' ')}\n${text}`);
}

const defines = (check) => (check.with ?? []).map((name) => `-D${name}`);

/** A program in `cwd` that visits every state. */
async function build(check, cwd, options, more = []) {
  await built('spin', ['-a', ...defines(check), ...more, join(folder, check.model)], cwd);
  const bounds = ['-DSAFETY', '-DNOFAIR', '-DCOLLAPSE', `-DMEMLIM=${memoryMegabytes}`];
  await built('gcc', ['-O1', '-w', ...bounds, ...options, '-o', 'pan', 'pan.c'], cwd);
}

function verdictOf(check, output) {
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? NaN);
  const isWhole = !/search not completed|max search depth too small|out of memory|MEMLIM bound|aborted/i.test(
    output,
  );
  const broken = /assertion violated \(?([A-Za-z0-9_]+)\)?/.exec(output)?.[1];
  const other = broken === undefined && errors > 0 ? /pan:\d+: ([^\n]*)/.exec(output)?.[1] : undefined;
  const found = errors === 0 && isWhole ? 'holds' : (broken ?? other ?? 'not exhausted');
  return {
    name: check.name,
    found,
    ok: found === (check.breaks ?? 'holds'),
    states: Number(/([\d.e+]+) states, stored/.exec(output)?.[1] ?? NaN),
    depth: Number(/depth reached (\d+)/.exec(output)?.[1] ?? NaN),
    megabytes: Math.round(Number(/([\d.]+)\s+total actual memory usage/.exec(output)?.[1] ?? NaN)),
  };
}

async function inFolderOfItsOwn(act) {
  const cwd = await mkdtemp(join(tmpdir(), 'pogo-model-'));
  try {
    return await act(cwd);
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

async function verify(check) {
  return inFolderOfItsOwn(async (cwd) => {
    const startedMs = performance.now();
    await build(check, cwd, check.reduce === false ? ['-DNOREDUCE'] : []);
    // Without `-E` a process that the bounds leave without a step would be an error.
    const { text } = await run('./pan', ['-E', `-m${longestPath}`], cwd);
    const verdict = verdictOf(check, text);
    return { ...verdict, seconds: Math.round((performance.now() - startedMs) / 100) / 10 };
  });
}

/** The steps of a shortest way to the broken property. */
async function trace(check) {
  return inFolderOfItsOwn(async (cwd) => {
    // Breadth-first, which wants properties to be part of the state.
    const shown = ['-DPROPERTY=byte'];
    await build(check, cwd, ['-DBFS', '-DNOREDUCE'], shown);
    await run('./pan', ['-E', `-m${longestPath}`], cwd);
    const { text } = await run(
      'spin',
      ['-t', '-k', `${check.model}.trail`, ...defines(check), ...shown, join(folder, check.model)],
      cwd,
    );
    const steps = [...text.matchAll(/EV (.*)/g)].map(([, step]) => step);
    const broken = /text of failed assertion: (.*)/.exec(text)?.[1];
    return [...steps, broken ?? 'no error'].join('\n');
  });
}

function row({ name, found, ok, states, depth, megabytes, seconds }) {
  const cells = [
    name.padEnd(44),
    String(states).padStart(9),
    String(depth).padStart(6),
    String(megabytes).padStart(5),
  ];
  return `${ok ? ' ' : '✗'} ${cells.join(' ')} ${String(seconds).padStart(6)}  ${found}`;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    trace: { type: 'string' },
    json: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
  },
});
const checks = JSON.parse(await readFile(join(folder, 'checks.json'), 'utf8'));

async function main() {
  if (values.trace !== undefined) {
    const check = checks.find(({ name }) => name === values.trace);
    if (check === undefined) throw new Error(`pogo: unknown-check: model/checks.json has no ${values.trace}`);
    console.log(await trace(check));
    return;
  }
  const wanted = checks.filter(({ name }) => values.only.some((prefix) => name.startsWith(prefix)));
  if (wanted.length === 0) throw new Error('pogo: unknown-check: model/checks.json has none that begins so');
  if (!values.json) console.log(`  ${'check'.padEnd(44)}    states  depth    MB seconds  found`);
  const waiting = [...wanted];
  let failures = 0;
  const work = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const verdict = await verify(check);
      if (!verdict.ok) failures++;
      console.log(values.json ? JSON.stringify(verdict) : row(verdict));
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  if (!values.json) console.log(`${wanted.length - failures} as expected, ${failures} not`);
  process.exitCode = failures === 0 ? 0 : 1;
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
