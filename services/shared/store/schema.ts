// The tables as Kysely sees them. Numbers that come from other people's servers are doubles and JSON is text, so that a
// row one database takes is never refused by the other.

export interface ExchangesTable {
  id: string;
  started_at: string;
  session_id: string;
  class: string;
  mode: string;
  route: string;
  model_asked: string;
  model_answered: string | null;
  provider: string;
  status: string;
  http_status: number;
  stop_reason: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_input_tokens: number | null;
  cache_creation_input_tokens: number | null;
  cost_usd: number | null;
  ttfb_ms: number | null;
  ttft_ms: number | null;
  total_duration_ms: number;
  client: string | null;
  trace_id: string;
  skip_reason: string | null;
  shadow_json: string;
  request_json: string | null;
  response_json: string | null;
  error_code: string | null;
  captured_headers_json: string | null;
}

export interface PairsTable {
  pair_id: string;
  exchange_id: string;
  target: string;
  replicate: number;
  started_at: string;
  session_id: string;
  class: string;
  status: string;
  verdict: string;
  skip_reason: string | null;
  level: string | null;
  scores_json: string;
  primary_json: string | null;
  secondary_json: string | null;
  latency_ratio: number | null;
  ttft_ratio: number | null;
  output_tokens_ratio: number | null;
  rewrites_json: string;
  queue_wait_ms: number;
  delivery_count: number;
  trace_id: string;
  scorer_version: string;
  exported_at: string | null;
}

export interface StoreDatabase {
  exchanges: ExchangesTable;
  pairs: PairsTable;
}
