import { expect, it } from 'vitest';
import { parseCommandLine, usage } from '../src/command-line.js';

it('nothing said is one seed, its fleet drawn from it', () => {
  expect(parseCommandLine([])).toEqual({
    kind: 'run',
    command: { first: 1, count: 1, size: {}, bug: undefined, trace: false },
  });
});

it('seeds, hosts and jobs are numbers from one', () => {
  expect(parseCommandLine(['--seeds', '20', '--seed', '7', '--hosts', '50', '--jobs=8', '--trace'])).toEqual({
    kind: 'run',
    command: { first: 7, count: 20, size: { hosts: 50, jobs: 8 }, bug: undefined, trace: true },
  });
  for (const wrong of ['0', '-1', '1.5', 'x', '', '99999999999']) {
    expect(parseCommandLine([`--hosts=${wrong}`])).toEqual({
      kind: 'wrong',
      message: `--hosts ${wrong}: a whole number from 1 to 10000 is needed`,
    });
  }
});

it('what is wrong with a command line is said in one line', () => {
  expect(parseCommandLine(['--host', '3'])).toEqual({
    kind: 'wrong',
    message: "Unknown option '--host': --help shows what there is",
  });
  expect(parseCommandLine(['--bug', 'nothing'])).toMatchObject({ kind: 'wrong' });
  expect(parseCommandLine(['--bug', 'double-dispatch'])).toMatchObject({
    command: { bug: 'double-dispatch' },
  });
});

it('every option is in the help', () => {
  expect(parseCommandLine(['--help'])).toEqual({ kind: 'help' });
  for (const option of ['--seeds', '--seed', '--hosts', '--jobs', '--bug', '--trace'])
    expect(usage).toContain(option);
});
