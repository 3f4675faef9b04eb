// The simulator's settings, with their defaults.
import type { Config } from '#shared/config/load.ts';
import { parseAddress } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Scene } from './script.ts';

export interface SimulatorOptions {
  /** `host:port`; port 0 takes a free one. */
  listenAddress: string;
  /** Same seed, same answers. */
  seed?: number;
  /** Answers when no other scene was asked for; `agent` by default. */
  defaultScene?: Scene | string;
  /** Model that answers name; by default the one asked for. */
  model?: string;
  /** Multiplies the delays of scenes; 0 leaves them out. */
  delayScale?: number;
  /** How many requests are remembered. */
  keepSeen?: number;
  logger?: Logger;
}

export interface SimulatorConfig {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly defaultScene: Scene | string;
  readonly model: string | undefined;
  readonly delayScale: number;
  readonly keepSeen: number;
}

const SIMULATOR_DEFAULTS = {
  seed: 1,
  defaultScene: 'agent',
  delayScale: 1,
  keepSeen: 1_000,
} as const;

/** What section [simulator] says. */
export function toSimulatorOptions(config: Config): SimulatorOptions {
  const { listen_address, scene, seed } = config.simulator;
  return { listenAddress: listen_address, seed, ...(scene === null ? {} : { defaultScene: scene }) };
}

/** @throws ConfigError on anything but host and port. */
export function toSimulatorConfig(options: SimulatorOptions): SimulatorConfig {
  const address = parseAddress(options.listenAddress);
  if (!address) {
    throw new ConfigError(`simulator.listen_address = "${options.listenAddress}" must be host:port`);
  }
  return Object.freeze({
    ...address,
    seed: options.seed ?? SIMULATOR_DEFAULTS.seed,
    defaultScene: options.defaultScene ?? SIMULATOR_DEFAULTS.defaultScene,
    model: options.model,
    delayScale: options.delayScale ?? SIMULATOR_DEFAULTS.delayScale,
    keepSeen: options.keepSeen ?? SIMULATOR_DEFAULTS.keepSeen,
  });
}
