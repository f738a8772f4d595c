/** `pogo-dispatcher run`: from a configuration file to a dispatcher that serves. */
import { type Clock } from '@pogo/lifecycle';
import type { DispatcherConfiguration, Secret } from '@pogo/protocol';
import { openStore, StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import { isLoopback, type ListenAddress, parseListenAddress } from './configuration/listen-address.js';
import { parseConfiguration } from './configuration/read-configuration.js';
import { Dispatcher } from './dispatcher.js';
import type { ProcessUsage } from './metrics/process-usage.js';
import { updateClientProfile } from './instance/client-profile.js';
import { checkInThreads } from './namespaces/namespace-check.js';
import { FileRefused, readPrivateFile, readPublicFile } from './instance/private-files.js';

export interface RunOptions {
  configurationFile: string;
  /** Instead of the configuration's. */
  listen: string | undefined;
  workerListen: string | undefined;
  /** Home whose client profile learns the address. */
  home: string | undefined;
  /** Listening beyond this machine was asked for in so many words. */
  allowRemote: boolean;
  principal: string;
  /** What this process has used, for the metrics. */
  processUsage?: () => ProcessUsage;
  /** Its own program, which answers as a thread when it is started as one; absent: what takes long is done here. */
  program?: string;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  logger: Logger;
  fatal: (error: Error) => void;
}

export interface RunningDispatcher {
  apiUrl: string;
  workersUrl: string;
  stop(): Promise<void>;
}

export type RunOutcome =
  | { kind: 'running'; dispatcher: RunningDispatcher }
  /** Each message names the thing, the cause and the next step. */
  | { kind: 'refused'; messages: string[] };

export async function runDispatcher(options: RunOptions): Promise<RunOutcome> {
  try {
    return await run(options);
  } catch (error) {
    if (error instanceof FileRefused || error instanceof StoreError) {
      return { kind: 'refused', messages: [error.message] };
    }
    const listening = listenFailure(error);
    if (listening !== undefined) return { kind: 'refused', messages: [listening] };
    throw error;
  }
}

async function run(options: RunOptions): Promise<RunOutcome> {
  const text = await readPublicFile(options.configurationFile);
  const parsed = parseConfiguration(text, options.configurationFile);
  if (!parsed.ok) return { kind: 'refused', messages: parsed.messages };
  const { configuration } = parsed;
  const listen = chooseAddress('--listen', options.listen ?? configuration.listen, options.allowRemote);
  const workerListen = chooseAddress(
    '--worker-listen',
    options.workerListen ?? configuration.workerListen,
    options.allowRemote,
  );
  const messages = [listen, workerListen].flatMap((chosen) => (chosen.ok ? [] : [chosen.message]));
  if (!listen.ok || !workerListen.ok) return { kind: 'refused', messages };

  const files = await readFiles(configuration);
  const store = await openStore(configuration.store);
  const dispatcher = new Dispatcher({
    name: configuration.name,
    principal: options.principal,
    listen: listen.address,
    workerListen: workerListen.address,
    store,
    ...(configuration.advertise !== undefined && { advertise: configuration.advertise }),
    ...(configuration.advertiseLink !== undefined && { advertiseLink: configuration.advertiseLink }),
    ...files,
    attachments: configuration.attachments,
    credentialsLifetimeMs: configuration.credentialsLifetimeMs,
    jobRetentionMs: configuration.jobRetentionMs,
    limits: { attachmentsMaxBytes: configuration.attachmentsMaxBytes },
    clock: options.clock,
    random: options.random,
    uniqueId: options.uniqueId,
    logger: options.logger,
    fatal: options.fatal,
    ...(options.processUsage !== undefined && { processUsage: options.processUsage }),
    ...(options.program !== undefined && { checkNamespace: checkInThreads(options.program) }),
  });
  const stop = async () => {
    await dispatcher.stop();
    await store.close();
  };
  try {
    await dispatcher.start();
    await dispatcher.ready();
    if (options.home !== undefined) {
      await updateClientProfile(options.home, dispatcher.apiUrl, options.uniqueId());
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const { apiUrl, workersUrl } = dispatcher;
  return { kind: 'running', dispatcher: { apiUrl, workersUrl, stop } };
}

async function readFiles(configuration: DispatcherConfiguration): Promise<{
  tls: { key: Secret; certificate: string; linkRoot: string; sealingRoot: string };
  token: Secret;
}> {
  const [key, token, certificate, linkRoot, sealingRoot] = await Promise.all([
    readPrivateFile(configuration.linkKey),
    readPrivateFile(configuration.tokenFile),
    readPublicFile(configuration.linkCertificate),
    readPublicFile(configuration.linkRoot),
    readPublicFile(configuration.sealingRoot),
  ]);
  if (token.reveal().trim().length < minTokenLength) {
    throw new FileRefused(
      'file-unreadable',
      `${configuration.tokenFile} holds no token of at least ${minTokenLength} characters: put one there, for example from openssl rand -base64 32`,
    );
  }
  return { tls: { key, certificate, linkRoot, sealingRoot }, token };
}

const minTokenLength = 22;

/** Reaching beyond this machine takes a word of its own (security.md: loopback unless told otherwise). */
function chooseAddress(
  what: string,
  text: string,
  allowRemote: boolean,
): { ok: true; address: ListenAddress } | { ok: false; message: string } {
  const address = parseListenAddress(text);
  if (address === undefined)
    return { ok: false, message: `${what} ${text}: not HOST:PORT or [ADDRESS]:PORT` };
  if (!allowRemote && !isLoopback(address.host)) {
    return {
      ok: false,
      message: `${what} ${text}: other machines could reach that; add --allow-remote if they are meant to, or listen on 127.0.0.1`,
    };
  }
  return { ok: true, address };
}

function listenFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || error.syscall !== 'listen') return undefined;
  const where = 'address' in error && 'port' in error ? `${String(error.address)}:${String(error.port)}` : '';
  const code = 'code' in error ? String(error.code) : '';
  const cause = code === 'EADDRINUSE' ? 'another process listens there' : code;
  return `can't listen on ${where}: ${cause}; stop that process, or choose another address with --listen and --worker-listen`;
}
