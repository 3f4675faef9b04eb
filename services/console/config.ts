// The settings the console reads, as one frozen value with units in the names.
import type { Config } from '#shared/config/load.ts';
import { type Address, isLoopback, parseAddress } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';

export type CaptureLevel = 'off' | 'metadata' | 'redacted' | 'full';

export interface ConsoleConfig {
  readonly listen: Address;
  /** null = no token is asked for, and only this machine is answered. */
  readonly adminToken: string | null;
  /** What history keeps: nothing, numbers, redacted text, or text as it was. */
  readonly captureLevel: CaptureLevel;
  /** Your own prices, by model. */
  readonly prices: Config['prices'];
  readonly history: HistoryConfig;
}

export interface HistoryConfig {
  /** Exchanges taken from the bus at a time. */
  readonly batchSize: number;
  /** How long one read of the bus waits for the first of them. */
  readonly waitMs: number;
  /** An exchange whose reader was silent for so long is taken over. */
  readonly claimIdleMs: number;
  /** Deliveries, and tries to store, before an exchange is given up. */
  readonly maxDeliveries: number;
  /** Pause after a failure; doubled with each one up to the longest. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** How long a stop waits for what is on a bus that ends with the process. */
  readonly graceMs: number;
}

const HISTORY: HistoryConfig = Object.freeze({
  batchSize: 16,
  waitMs: 1_000,
  claimIdleMs: 60_000,
  maxDeliveries: 5,
  retryMs: 250,
  retryMaxMs: 5_000,
  graceMs: 10_000,
});

export function toConsoleConfig(config: Config, adminToken: string | null): ConsoleConfig {
  const address = config.console.listen_address;
  const listen = parseAddress(address);
  if (!listen) throw new ConfigError(`console.listen_address = "${address}" must be host:port`);
  return Object.freeze({
    listen,
    adminToken,
    captureLevel: config.capture.level,
    prices: config.prices,
    history: HISTORY,
  });
}

/** @throws ConfigError when anyone on the network could read the history. */
export function refuseOpenConsole({ listen, adminToken }: ConsoleConfig): void {
  if (adminToken !== null || isLoopback(listen.host)) return;
  throw new ConfigError(`console.listen_address: ${listen.host} is open to the network; set admin.token`);
}
