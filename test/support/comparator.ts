// Starts a comparator on real parts and hands it exchanges, for tests.
import { randomUUID } from 'node:crypto';
import { type ComparatorConfig, type ComparatorParts, createComparator } from '#services/comparator/service.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { systemClock } from '#shared/clock.ts';
import {
  type ExchangeEntry,
  encodeBody,
  encodeEntry,
  type Mode,
  type RecordedAnswer,
} from '#shared/exchange/exchange.ts';
import { formatTraceparent, newSpanId, newTraceId, uuidv7 } from '#shared/ids.ts';
import type { Target, Targets } from '#shared/providers/target.ts';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import type { Store } from '#shared/store/store.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { noTracing, type SpanRecord, type Tracing } from '#shared/telemetry/tracing.ts';
import { type AnswerSpec, answerEvents, recordedAnswer, sseBytes } from './answer-bytes.ts';
import { PATIENCE_MS, startPatience } from './patience.ts';

export const COMPARATOR_CONFIG: ComparatorConfig = {
  listen: { host: '127.0.0.1', port: 0 },
  adminToken: null,
  concurrency: 4,
  firstByteTimeoutMs: 2_000,
  timeoutMs: 5_000,
  claim: { minIdleMs: 400, heartbeatMs: 50, maxDeliveries: 3 },
  turnsPerSession: null,
  tokensPerHour: null,
  breaker: { failures: 5, openMs: 100, maxOpenMs: 400 },
  readWaitMs: 20,
  graceMs: 2_000,
  answerMaxBytes: 1024 * 1024,
  maxContentBytes: 100_000,
  hide: [],
  longestImage: 32_000,
  prices: {},
  phoenix: null,
};

export function testTarget(name: string, baseUrl: string, overrides: Partial<Target> = {}): Target {
  return {
    name,
    provider: 'self-hosted',
    type: 'anthropic',
    profile: null,
    vendor: null,
    apiVersion: null,
    deployment: null,
    vision: 'marker',
    baseUrl,
    model: name,
    credential: { kind: 'key', header: 'authorization', secret: 'target-secret' },
    headers: [],
    pipeline: null,
    timeouts: { connectMs: 1_000, firstByteMs: 2_000, idleMs: 2_000, deadlineMs: null },
    maxConcurrent: 10,
    seesImages: null,
    defaults: { temperature: null, top_p: null, max_tokens: null },
    anthropicFeatures: false,
    propagatesTrace: false,
    aliases: [],
    displayName: name,
    contextWindow: null,
    maxOutput: null,
    ...overrides,
  };
}

export function testTargets(targets: Target[]): Targets {
  const passthrough = testTarget('passthrough', 'http://127.0.0.1:9');
  return { forced: null, passthrough, models: new Map(targets.map((target) => [target.name, target])) };
}

/** Keeps every span it is given. */
export interface SpanSink extends Tracing {
  spans: SpanRecord[];
}

export function spanSink(): SpanSink {
  const spans: SpanRecord[] = [];
  return { ...noTracing, enabled: true, content: true, spans, emit: (emitted) => void spans.push(...emitted) };
}

export interface PublishedExchange {
  entry: ExchangeEntry;
  answer: RecordedAnswer;
}

export interface ExchangeSpec {
  shadow: string[];
  request?: Record<string, unknown>;
  answer?: AnswerSpec;
  /** Instead of the answer's own bytes. */
  recorded?: RecordedAnswer;
  mode?: Mode;
  entry?: Partial<ExchangeEntry>;
}

export function makeEntry(spec: ExchangeSpec): ExchangeEntry {
  const nowMs = Date.now();
  return {
    v: 1,
    id: uuidv7(nowMs),
    startedAtMs: nowMs - 120,
    sessionId: 'session-1',
    sessionSource: 'header',
    lineageId: 'lineage-1',
    turnKey: randomUUID(),
    class: 'main',
    classKind: null,
    mode: spec.mode ?? 'compare',
    route: 'passthrough',
    modelAsked: 'claude-test-1',
    modelSent: 'claude-test-1',
    provider: 'passthrough',
    outcome: 'ok',
    httpStatus: 200,
    requestBytes: 100,
    responseBytes: 100,
    clientHeaders: { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'some-beta-2026' },
    shadow: spec.shadow,
    skip: null,
    repeat: false,
    inclusion: 1,
    experiment: null,
    ttfbMs: 10,
    totalDurationMs: 100,
    traceparent: formatTraceparent({ traceId: newTraceId(), spanId: newSpanId(), sampled: true }),
    tracestate: '',
    errorCode: null,
    capturedHeaders: null,
    summary: null,
    ...spec.entry,
  };
}

export const TEST_REQUEST = {
  model: 'claude-test-1',
  max_tokens: 500,
  stream: true,
  messages: [{ role: 'user', content: 'read a.ts' }],
  tools: [{ name: 'Read', input_schema: { type: 'object' } }],
  metadata: { user_id: 'user_1' },
};

/** Publishes as the gateway does. */
export async function publish(bus: Bus, spec: ExchangeSpec): Promise<PublishedExchange> {
  const entry = makeEntry(spec);
  const answer =
    spec.recorded ?? recordedAnswer([{ atMs: 40, bytes: sseBytes(answerEvents(spec.answer ?? { text: 'Done.' })) }]);
  const body = await encodeBody({ request: Buffer.from(JSON.stringify(spec.request ?? TEST_REQUEST)), answer });
  const result = await bus.publish({ id: entry.id, fields: encodeEntry(entry), body, pairs: entry.shadow.length });
  if (result !== 'ok') throw new Error(`not published: ${result}`);
  return { entry, answer };
}

export interface ComparatorWorld {
  bus: Bus;
  store: Store;
  metrics: Metrics;
  sink: SpanSink;
  parts: ComparatorParts;
  start(config?: Partial<ComparatorConfig>, parts?: Partial<ComparatorParts>): ReturnType<typeof createComparator>;
  /** Stops what was started and closes the parts. */
  end(): Promise<void>;
}

export async function comparatorWorld(targets: Target[]): Promise<ComparatorWorld> {
  const bus = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
  const store = createSqliteStore({ path: ':memory:' });
  await store.migrate();
  const metrics = createMetrics({ processMetrics: false });
  const sink = spanSink();
  const log = createLogger({ service: 'cc-comparator', level: 'error', pretty: false });
  const parts = { bus, store, targets: testTargets(targets), clock: systemClock, log, metrics, tracing: sink };
  const started: Array<Awaited<ReturnType<typeof createComparator>>> = [];
  return {
    bus,
    store,
    metrics,
    sink,
    parts,
    async start(config = {}, overrides = {}) {
      const comparator = await createComparator({ ...COMPARATOR_CONFIG, ...config }, { ...parts, ...overrides });
      started.push(comparator);
      return comparator;
    },
    async end() {
      await Promise.all(started.map((comparator) => comparator.stop()));
      await bus.close();
      await store.close();
    },
  };
}

const LOOK_MS = 5;

/** Waits until a condition holds. @throws after `timeoutMs` */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const patience = startPatience(timeoutMs, LOOK_MS);
  while (!(await condition())) {
    if (patience.isOver()) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** All planned pairs are finished or dead. */
export async function untilSettled(bus: Bus, timeoutMs?: number): Promise<void> {
  const isSettled = async (): Promise<boolean> => (await bus.counters('compare')).pending === 0;
  await until('every planned pair is settled', isSettled, timeoutMs);
}
