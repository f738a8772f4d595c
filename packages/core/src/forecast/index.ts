export {
  Forecast,
  type ForecastEnd,
  type ForecastEnding,
  type ForecastOptions,
  type ForecastResult,
  type Wave,
  type WaveStart,
} from './forecast.js';
export type { Binding } from './binding.js';
export { forecastState, type ForecastJob, type ForecastState } from './forecast-state.js';
export {
  changeLimits,
  replayOf,
  type ChangedLimits,
  type LimitChange,
  type RecordedHost,
  type ReplayInput,
} from './replay.js';
export { ObservedRun } from './observed-run.js';
