// What the console's parts share: its settings, the bus and the store it was given, and the ways to tell what happened.
import type { Bus } from '#shared/bus/bus.ts';
import type { Clock } from '#shared/clock.ts';
import { createPriceList, type PriceLookup } from '#shared/cost/price-list.ts';
import { createRedactor, type Redactor } from '#shared/redact/redact.ts';
import type { Store } from '#shared/store/store.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { ConsoleConfig } from './config.ts';
import { type ConsoleEvents, createEvents } from './events.ts';

/** Bus and store stay the giver's: the console closes neither. */
export interface ConsoleParts {
  bus: Bus;
  store: Store;
  logger: Logger;
  metrics: Pick<Metrics, 'historyRecordsTotal' | 'historyOldestPendingAgeSeconds'>;
  clock: Clock;
  /** By default one whose tags are stable within this process. */
  redactor?: Redactor;
}

export interface ConsoleContext {
  readonly config: ConsoleConfig;
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly pricesOf: PriceLookup;
  readonly events: ConsoleEvents;
}

export function createContext(config: ConsoleConfig, parts: ConsoleParts): ConsoleContext {
  return Object.freeze({
    config,
    bus: parts.bus,
    store: parts.store,
    clock: parts.clock,
    redactor: parts.redactor ?? createRedactor(),
    pricesOf: createPriceList(config.prices),
    events: createEvents(parts.logger, parts.metrics),
  });
}
