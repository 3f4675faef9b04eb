// The settings the comparator reads, as one frozen value with units in the names.
import type { Config } from '#shared/config/load.ts';
import { type Address, parseAddress } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';
import { contentBytesFor, parseOtlpEndpoint } from '#shared/telemetry/otlp-endpoint.ts';
import type { PhoenixNotesConfig } from '#shared/telemetry/phoenix-notes.ts';

export interface ComparatorConfig {
  readonly listen: Address;
  /** Asked of callers of `/api/`; null = no token. */
  readonly adminToken: string | null;
  /** Exchanges worked on at once, and so calls in flight to one target. */
  readonly concurrency: number;
  readonly firstByteTimeoutMs: number;
  readonly timeoutMs: number;
  readonly claim: { readonly minIdleMs: number; readonly heartbeatMs: number; readonly maxDeliveries: number };
  /** null = no cap. */
  readonly turnsPerSession: number | null;
  /** A target, an hour; null = no cap. */
  readonly tokensPerHour: number | null;
  readonly breaker: BreakerConfig;
  /** How long one read waits for news, and so how long a stop may take at least. */
  readonly readWaitMs: number;
  /** What running comparisons get to finish at a stop. */
  readonly graceMs: number;
  /** Most bytes of a secondary's answer that are kept; a longer one is broken off. */
  readonly answerMaxBytes: number;
  /** Most bytes of prompt and answer on one span. */
  readonly maxContentBytes: number;
  /** What of them stays off spans. */
  readonly hide: Config['tracing']['hide'];
  /** Longest base64 image on a span, in characters. */
  readonly longestImage: number;
  /** Who keeps scores beside spans; null = nobody, or nobody knows where. */
  readonly phoenix: PhoenixNotesConfig | null;
  /** Your own prices, by model. */
  readonly prices: Config['prices'];
}

export interface BreakerConfig {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** First time without calls; doubles with each failed probe. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

export const COMPARATOR_DEFAULTS = {
  breaker: { failures: 5, openMs: 15_000, maxOpenMs: 120_000 },
  readWaitMs: 1_000,
  graceMs: 10_000,
} as const;

/** @throws ConfigError */
export function toComparatorConfig(config: Config, adminToken: string | null): ComparatorConfig {
  const { call, budget, claim } = config.compare;
  const listen = parseAddress(config.comparator.listen_address);
  if (!listen)
    throw new ConfigError(`comparator.listen_address = "${config.comparator.listen_address}" must be host:port`);
  return Object.freeze({
    ...COMPARATOR_DEFAULTS,
    listen,
    adminToken,
    concurrency: call.concurrency,
    firstByteTimeoutMs: call.first_byte_timeout_secs * 1000,
    timeoutMs: call.timeout_secs * 1000,
    claim: { minIdleMs: claim.min_idle_ms, heartbeatMs: claim.heartbeat_ms, maxDeliveries: claim.max_deliveries },
    turnsPerSession: budget.turns_per_session,
    tokensPerHour: budget.tokens_per_hour,
    answerMaxBytes: config.exchange.body_max_bytes,
    maxContentBytes: contentBytesFor(config.tracing),
    hide: config.tracing.hide,
    longestImage: config.tracing.base64_image_max_length,
    phoenix: toPhoenix(config.tracing),
    prices: config.prices,
  });
}

/** Where it is not named, the receiver of the spans may be one; over gRPC nothing says where its own API is. */
function toPhoenix(tracing: Config['tracing']): PhoenixNotesConfig | null {
  const { endpoint, protocol, phoenix_url, phoenix_headers, headers } = tracing;
  if (endpoint === null) return null;
  if (phoenix_url !== null) return { url: phoenix_url.replace(/\/+$/, ''), isPhoenix: true, headers: phoenix_headers };
  const { base: url } = parseOtlpEndpoint(endpoint, protocol);
  return url === null ? null : { url, isPhoenix: false, headers };
}
