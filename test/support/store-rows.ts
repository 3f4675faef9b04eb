// Rows to put into a store, complete by default; a test names only what it is about.
import { pairId, uuidv7 } from '#shared/ids.ts';
import type { ArmSummary, ExchangeDetail, PairRow } from '#shared/store/store.ts';

export const START = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function exchangeRow(changes: Partial<ExchangeDetail> = {}): ExchangeDetail {
  return {
    id: uuidv7(START),
    started_at: new Date(START).toISOString(),
    session_id: 'session-1',
    class: 'main',
    mode: 'compare',
    route: 'passthrough',
    model_asked: 'claude-opus-4-5',
    model_answered: 'claude-opus-4-5-20251101',
    provider: 'anthropic',
    status: 'completed',
    http_status: 200,
    stop_reason: 'end_turn',
    error_code: null,
    usage: { input_tokens: 12, output_tokens: 34, cache_read_input_tokens: 5, cache_creation_input_tokens: null },
    cost_usd: 0.0123,
    ttfb_ms: 101.25,
    ttft_ms: 180.5,
    total_duration_ms: 2_345.75,
    client: 'claude-cli/2.0.0',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    captured_headers: { 'x-request-id': 'req-1' },
    request: { model: 'claude-opus-4-5', messages: [{ role: 'user', content: 'hello' }] },
    response: { content: [{ type: 'text', text: 'hi' }] },
    skip_reason: null,
    shadow: ['target'],
    ...changes,
  };
}

export function armSummary(changes: Partial<ArmSummary> = {}): ArmSummary {
  return {
    outcome: 'ok',
    http_status: 200,
    model: 'glm-4.6',
    stop_reason: 'tool_use',
    action: 'tool_use',
    tools: ['Read'],
    usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: null, cache_creation_input_tokens: null },
    ttft_ms: 10,
    ttfvt_ms: 11,
    duration_ms: 12.5,
    output_bytes: 99,
    span_id: 'b7ad6b7169203331',
    error: null,
    ...changes,
  };
}

export function pairRow(changes: Partial<PairRow> = {}): PairRow {
  const exchangeId = changes.exchange_id ?? uuidv7(START);
  return {
    pair_id: pairId(exchangeId, changes.target ?? 'target'),
    exchange_id: exchangeId,
    target: 'target',
    replicate: 0,
    started_at: new Date(START).toISOString(),
    session_id: 'session-1',
    class: 'main',
    status: 'paired',
    verdict: 'equivalent',
    skip_reason: null,
    level: 'canonical',
    scores: [
      { scorer: 'tool_calls', label: 'agree', value: 1 },
      { scorer: 'text', label: 'na', value: null, error: 'nothing to compare' },
    ],
    primary: armSummary({ model: 'claude-opus-4-5' }),
    secondary: armSummary(),
    latency_ratio: 1.5,
    ttft_ratio: 0.75,
    output_tokens_ratio: null,
    rewrites: ['model', 'drop_thinking'],
    queue_wait_ms: 12.5,
    delivery_count: 1,
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    scorer_version: '1',
    exported_at: null,
    ...changes,
  };
}
