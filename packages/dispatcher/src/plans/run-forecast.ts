import type { Forecast } from '@pogo/core';
import { type Clock, delay } from '@pogo/lifecycle';

/** Hosts of a forecast that are gone through in one piece. */
const hostsPerPiece = 2000;
/** Most hosts that one forecast goes through; of a larger job the rest isn't told. */
export const forecastHosts = 200_000;

/** Runs it to its end by pieces, so that the dispatcher goes on with its work; whether it got there before `signal`. */
export async function runForecast(forecast: Forecast, clock: Clock, signal: AbortSignal): Promise<boolean> {
  while (!forecast.advance(hostsPerPiece)) {
    await delay(clock, 0, signal);
    if (signal.aborted) return false;
  }
  return true;
}

/** Lets the dispatcher go on with its work between two things that are done for each of so many hosts; at once where these are few. */
export async function restBetween(hosts: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (hosts > hostsPerPiece) await delay(clock, 0, signal);
}
