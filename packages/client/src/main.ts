#!/usr/bin/env node
/** The `pogo` command: hands the process to the program, and the program's exit code back. */
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { productVersion } from '@pogo/protocol';

const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`pogo ${productVersion}\n`);
} else {
  cacheCompiledCode(join(process.env['POGO_HOME'] || join(homedir(), '.pogo'), 'client'));
  const { failureText, internalError, runProgram, systemClock } = await import('./program.js');
  process.on('uncaughtException', (error) => {
    process.stderr.write(failureText(internalError(error, process.env['POGO_DEBUG'])));
    process.exit(1);
  });
  const code = await runProgram({
    arguments: process.argv.slice(2),
    variables: process.env,
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    homeDirectory: homedir(),
    get userName() {
      return userInfo().username;
    },
    processId: process.pid,
    node: process.execPath,
    program: process.argv[1] ?? '',
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => void process.off(signal, listener);
    },
    processIsAlive(processId) {
      try {
        return process.kill(processId, 0);
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EPERM';
      }
    },
    killProcessGroup(processId) {
      try {
        process.kill(-processId, 'SIGKILL');
      } catch {
        // Nobody is left.
      }
    },
    random: Math.random,
    uniqueId: () => crypto.randomUUID(),
  });
  process.exit(code);
}

/**
 * Newer Nodes keep compiled code between runs. Only below our own private directory: a cache that others could write
 * would be code that others could run.
 */
function cacheCompiledCode(clientDirectory: string): void {
  if (!('enableCompileCache' in nodeModule) || typeof nodeModule.enableCompileCache !== 'function') return;
  if (existsSync(clientDirectory)) nodeModule.enableCompileCache(join(clientDirectory, 'compiled'));
}
