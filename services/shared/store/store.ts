// The port of the store: exchanges (history) and pairs (comparisons). SQLite in a worker thread and PostgreSQL pass one
// contract test (test/contract/store.contract.ts). The console owns the schema and alone migrates.

export interface UsageColumns {
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_input_tokens: number | null;
  cache_creation_input_tokens: number | null;
}

/** One answered request, as `/api/history` lists it. */
export interface ExchangeRow {
  id: string;
  /** ISO 8601 UTC. */
  started_at: string;
  session_id: string;
  class: string;
  mode: string;
  route: string;
  model_asked: string;
  model_answered: string | null;
  provider: string;
  /** completed, partial, error, aborted */
  status: string;
  http_status: number;
  stop_reason: string | null;
  /** What went wrong, by the type in the error or by how the call ended; null when nothing did. */
  error_code: string | null;
  usage: UsageColumns;
  /** null = unknown, never 0. */
  cost_usd: number | null;
  ttfb_ms: number | null;
  /** null for answers that were not streamed. */
  ttft_ms: number | null;
  total_duration_ms: number;
  client: string | null;
  trace_id: string;
  /** Request headers that a hook asks for, lower-case name → value; null = none. */
  captured_headers: Readonly<Record<string, string>> | null;
}

/** What `/api/history/{id}` adds. */
export interface ExchangeDetail extends ExchangeRow {
  /** Redacted request and answer as `capture.level` allows, when stored also as JSON text; null when not kept. */
  request: unknown;
  response: unknown;
  /** Why it was not compared, null when it was. */
  skip_reason: string | null;
  shadow: string[];
}

/** A value written as JSON already: it is stored as it is, where writing it again would take time. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type PairStatus = 'paired' | 'orphan' | 'incomparable' | 'primary_error' | 'target_error';

/** What one arm did, in numbers. */
export interface ArmSummary {
  outcome: string;
  http_status: number;
  model: string | null;
  stop_reason: string | null;
  action: string;
  tools: string[];
  usage: UsageColumns;
  ttft_ms: number | null;
  ttfvt_ms: number | null;
  duration_ms: number | null;
  output_bytes: number;
  span_id: string | null;
  error: string | null;
}

export interface ScoreRow {
  scorer: string;
  /** agree, differ, na, or a scorer's own label. */
  label: string;
  /** 0 to 1, or a ratio where the scorer says so; null when there is nothing to compare. */
  value: number | null;
  error?: string;
}

export interface PairRow {
  pair_id: string;
  exchange_id: string;
  target: string;
  replicate: number;
  /** ISO 8601 UTC of the exchange's start. */
  started_at: string;
  session_id: string;
  class: string;
  status: PairStatus;
  /** equivalent, diverged, target_error, primary_error, both_error, incomparable, orphan */
  verdict: string;
  skip_reason: string | null;
  /** identical, canonical, same_intent, same_tool, same_type, divergent; null when not scored. */
  level: string | null;
  scores: ScoreRow[];
  primary: ArmSummary | null;
  secondary: ArmSummary | null;
  /** target / primary, null when either side has no value. */
  latency_ratio: number | null;
  ttft_ratio: number | null;
  output_tokens_ratio: number | null;
  /** Names of the rewrites applied to the secondary's request. */
  rewrites: string[];
  queue_wait_ms: number;
  delivery_count: number;
  trace_id: string;
  scorer_version: string;
  /** ISO 8601 UTC; null until the spans were handed over. */
  exported_at: string | null;
}

export interface Page<Row> {
  data: Row[];
  /** Opaque; null on the last page. */
  next_cursor: string | null;
}

export interface HistoryQuery {
  limit: number;
  cursor?: string;
  session_id?: string;
  model?: string;
  status?: string;
  class?: string;
}

export interface ErrorQuery {
  limit: number;
  /** ISO 8601: only what started then or later. */
  since?: string;
  provider?: string;
  error_code?: string;
}

/** Exchanges that went wrong in the same way at the same place. */
export interface ErrorGroup {
  error_code: string;
  provider: string;
  route: string;
  count: number;
  /** When the first and the last of them started, ISO 8601 UTC. */
  first_at: string;
  last_at: string;
  /** The newest of them, for `exchange`. */
  sample_id: string;
}

export interface PairQuery {
  limit: number;
  cursor?: string;
  exchange_id?: string;
  target?: string;
  verdict?: string;
  level?: string;
  /** Newest first by default; the ratios rank exactly, largest first, rows without a value last. */
  sort?: 'started_at' | 'latency_ratio' | 'ttft_ratio';
}

export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  /** Brings the schema up to date. Only the console (or `start`) calls it; safe when two do at once. */
  migrate(): Promise<void>;
  /** Waits until the schema is at least this code's version. @throws after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** False when the id is already there: nothing was changed. */
  insertExchange(row: ExchangeDetail): Promise<boolean>;
  exchange(id: string): Promise<ExchangeDetail | null>;
  exchanges(query: HistoryQuery): Promise<Page<ExchangeRow>>;
  /** The most frequent first. */
  errorGroups(query: ErrorQuery): Promise<ErrorGroup[]>;
  /** False when the pair id is already there: nothing was changed. */
  insertPair(row: PairRow): Promise<boolean>;
  pair(pairId: string): Promise<PairRow | null>;
  pairs(query: PairQuery): Promise<Page<PairRow>>;
  markExported(pairId: string, at: string): Promise<void>;
  /** Pairs kept for one session and target, for the cap on turns a session. */
  countSessionPairs(sessionId: string, target: string): Promise<number>;
  healthy(): Promise<boolean>;
  close(): Promise<void>;
}

/** A cursor that does not belong to this list. */
export class CursorError extends Error {
  constructor(cursor: string, cause?: unknown) {
    super(
      `cursor ${JSON.stringify(cursor.slice(0, 40))} is not one this list gave out`,
      cause === undefined ? undefined : { cause },
    );
    this.name = 'CursorError';
  }
}
