// The simulator's settings, with their defaults.
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

export const SIMULATOR_DEFAULTS = {
  listenAddress: '127.0.0.1:3090',
  seed: 1,
  defaultScene: 'agent',
  delayScale: 1,
  keepSeen: 1_000,
} as const;
