// A console on a memory bus and a SQLite file, with the log lines and counts it makes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type ConsoleConfig,
  type ConsoleParts,
  createConsole,
  type RunningConsole,
} from '#services/console/service.ts';
import type { Bus, Publication } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import type { Clock } from '#shared/clock.ts';
import {
  EXCHANGE_VERSION,
  type ExchangeEntry,
  encodeBody,
  encodeEntry,
  type RecordedAnswer,
} from '#shared/exchange/exchange.ts';
import { uuidv7 } from '#shared/ids.ts';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import type { Store } from '#shared/store/store.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';
import { PATIENCE_MS, startPatience } from '../support/patience.ts';
import { START } from '../support/store-rows.ts';

export interface LogLine {
  level: string;
  event: string;
  fields: Record<string, unknown>;
}

export class ConsoleBed {
  readonly folder = mkdtempSync(join(tmpdir(), 'ccproxy-console-'));
  readonly path = join(this.folder, 'history.db');
  readonly clock = new ManualClock();
  readonly bus: Bus = createMemoryBus({ clock: this.clock, limits: DEFAULT_BUS_LIMITS });
  readonly metrics = createMetrics({ processMetrics: false });
  readonly lines: LogLine[] = [];
  store: Store = createSqliteStore({ path: this.path });
  readonly #running: RunningConsole[] = [];

  /** Parts in `changes` replace the real ones, for the faults of a test. */
  async start(
    changes: Partial<ConsoleConfig> = {},
    parts: Partial<Pick<ConsoleParts, 'bus' | 'store' | 'exchanges'>> = {},
  ): Promise<RunningConsole> {
    const config = { ...CONFIG, ...changes };
    const service = await createConsole(config, {
      bus: this.bus,
      store: this.store,
      clock: this.clock,
      metrics: this.metrics,
      logger: {
        debug: this.#write('debug'),
        info: this.#write('info'),
        warn: this.#write('warn'),
        error: this.#write('error'),
      },
      ...parts,
    });
    this.#running.push(service);
    return service;
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.map((service) => service.stop()));
    await this.store.close();
    await this.bus.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async count(result: string): Promise<number> {
    const { values } = await this.metrics.historyRecordsTotal.get();
    return values.find((value) => value.labels.result === result)?.value ?? 0;
  }

  /** Everything published was settled, one way or the other. */
  async settled(): Promise<void> {
    await until('the bus is settled', async () => (await this.bus.counters('history')).pending === 0);
  }

  #write(level: string) {
    return (event: string, fields: Record<string, unknown> = {}): void => {
      this.lines.push({ level, event, fields });
    };
  }
}

const CONFIG: ConsoleConfig = {
  listen: { host: '127.0.0.1', port: 0 },
  adminToken: null,
  captureLevel: 'redacted',
  prices: {},
  history: { batchSize: 4, waitMs: 20, claimIdleMs: 60_000, maxDeliveries: 3, retryMs: 1, retryMaxMs: 5, graceMs: 50 },
};

export class ManualClock implements Clock {
  offsetMs = 0;
  nowMs(): number {
    return Date.now() + this.offsetMs;
  }
  monotonicMs(): number {
    return performance.now() + this.offsetMs;
  }
}

const LOOK_MS = 2;

export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const patience = startPatience(PATIENCE_MS, LOOK_MS);
  while (!(await isTrue())) {
    if (patience.isOver()) throw new Error(`waited too long until ${what}`);
    await sleep(LOOK_MS);
  }
  await nextTurn();
}

export function entry(changes: Partial<ExchangeEntry> = {}): ExchangeEntry {
  return {
    v: EXCHANGE_VERSION,
    id: uuidv7(START),
    startedAtMs: START,
    sessionId: 'session-1',
    sessionSource: 'header',
    lineageId: 'lineage-1',
    turnKey: 'turn-1',
    class: 'main',
    classKind: null,
    mode: 'compare',
    route: 'passthrough',
    modelAsked: 'claude-opus-4-5',
    modelSent: 'claude-opus-4-5',
    provider: 'anthropic',
    outcome: 'ok',
    httpStatus: 200,
    requestBytes: 100,
    responseBytes: 200,
    clientHeaders: { 'user-agent': 'claude-cli/2.0.1 (external, cli)' },
    shadow: [],
    skip: 'not_sampled',
    repeat: false,
    inclusion: 1,
    experiment: null,
    ttfbMs: 12.5,
    totalDurationMs: 345.25,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: '',
    errorCode: null,
    capturedHeaders: null,
    summary: null,
    ...changes,
  };
}

export function answer(text: string): RecordedAnswer {
  return recordedAnswer(chunksOf(sseBytes(answerEvents({ text })), 100));
}

export async function publication(
  of: ExchangeEntry,
  request: unknown = { model: of.modelAsked, messages: [{ role: 'user', content: 'hello' }] },
  answered: RecordedAnswer = answer('hi there'),
): Promise<Publication> {
  const body = await encodeBody({ request: Buffer.from(JSON.stringify(request)), answer: answered });
  return { id: of.id, fields: encodeEntry(of), body, pairs: of.shadow.length };
}
