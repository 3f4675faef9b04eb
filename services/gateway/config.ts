// The settings the gateway reads, as one frozen value with units in the names.
import type { Config } from '#shared/config/load.ts';
import { type Address, parseAddress } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';
import type { TracePolicy } from './start-trace.ts';

export interface GatewayConfig {
  readonly listen: Address;
  readonly maxBodyBytes: number;
  readonly maxConcurrentRequests: number;
  readonly drainMs: number;
  readonly adminToken: string | null;
  readonly allowAnyKey: boolean;
  readonly consoleUrl: string;
  readonly passthroughModel: string | null;
  readonly keptBytes: number;
  readonly captureLevel: Config['capture']['level'];
  readonly sample: Config['compare']['sample'];
  readonly also: readonly string[];
  readonly countTokens: boolean;
  readonly trace: TracePolicy;
  readonly countTtlMs: number;
  readonly upstreamHttp1: Config['upstream']['http1'];
}

export function toGatewayConfig(config: Config, adminToken: string | null): GatewayConfig {
  return Object.freeze({
    listen: addressOf('server.listen_address', config.server.listen_address),
    maxBodyBytes: config.server.max_body_mib * 1024 * 1024,
    maxConcurrentRequests: config.server.max_concurrent_requests,
    drainMs: config.server.drain_secs * 1000,
    adminToken,
    allowAnyKey: config.server.allow_any_key,
    consoleUrl: config.console.public_url ?? `http://${config.console.listen_address}/`,
    passthroughModel: config.passthrough.model,
    keptBytes: config.exchange.body_max_bytes,
    captureLevel: config.capture.level,
    sample: config.compare.sample,
    also: config.compare.also,
    trace: { inbound: config.tracing.inbound_context, sample: config.tracing.sample },
    countTokens: config.cache.count_tokens === 'on',
    countTtlMs: config.cache.count_tokens_ttl_secs * 1000,
    upstreamHttp1: config.upstream.http1,
  });
}

function addressOf(key: string, value: string): Address {
  const parsed = parseAddress(value);
  if (!parsed) throw new ConfigError(`${key} = "${value}" must be host:port`);
  return parsed;
}
