// What the console's parts share: its settings, the bus and the store it was given, and the ways to tell what happened.
import type { Bus } from '#shared/bus/bus.ts';
import type { Clock } from '#shared/clock.ts';
import { createPriceList, type PriceLookup } from '#shared/cost/price-list.ts';
import { createRedactor, type Redactor, type RedactorOptions, withHmacKey } from '#shared/redact/redact.ts';
import type { Store } from '#shared/store/store.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { ConsoleConfig } from './config.ts';
import { type ConsoleEvents, createEvents } from './events.ts';
import { createExchangeReader, type ExchangeReader } from './history/read-exchanges.ts';

/** Bus and store stay the giver's: the console closes neither. */
export interface ConsoleParts {
  bus: Bus;
  store: Store;
  logger: Logger;
  metrics: Pick<Metrics, 'historyRecordsTotal' | 'historyOldestPendingAgeSeconds'>;
  clock: Clock;
  /** By default tags are stable within this console. */
  redaction?: RedactorOptions;
  /** By default one that reads large exchanges in a thread. */
  exchanges?: ExchangeReader;
}

export interface ConsoleContext {
  readonly config: ConsoleConfig;
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly pricesOf: PriceLookup;
  readonly exchanges: ExchangeReader;
  readonly events: ConsoleEvents;
}

export function createContext(config: ConsoleConfig, parts: ConsoleParts): ConsoleContext {
  const redaction = withHmacKey(parts.redaction);
  const { captureLevel, prices } = config;
  return Object.freeze({
    config,
    bus: parts.bus,
    store: parts.store,
    clock: parts.clock,
    redactor: createRedactor(redaction),
    pricesOf: createPriceList(prices),
    exchanges: parts.exchanges ?? createExchangeReader({ captureLevel, prices, redaction }),
    events: createEvents(parts.logger, parts.metrics),
  });
}
