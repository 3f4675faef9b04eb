// Every closed set of label values, once. A label that is not in one of these tuples is bounded by `boundedLabel`.

export const LEGS = ['primary', 'target'] as const;
/** The one whose stream is passed on while it comes. */
export const CLIENT_LEG = ['primary'] as const;
export const MODES = ['target', 'compare', 'anthropic-only'] as const;
export const OUTCOMES = [
  'ok',
  'client_error',
  'upstream_error',
  'timeout',
  'client_abort',
  'rejected',
  'stream_error',
] as const;
export const ROUTES = ['messages', 'count_tokens', 'models', 'passthrough', 'admin', 'other'] as const;
/** The routes whose bodies are measured. */
export const MEASURED_ROUTES = ['messages'] as const;
export const STREAM = ['true', 'false'] as const;
export const TOKEN_TYPES = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'] as const;
/** The token types whose distribution is kept, not only their sum. */
export const USAGE_TOKEN_TYPES = ['input', 'output'] as const;
export const HTTP_CODES = [
  '200',
  '204',
  '301',
  '304',
  '400',
  '401',
  '402',
  '403',
  '404',
  '413',
  '429',
  '500',
  '502',
  '503',
  '504',
  '529',
  'other',
] as const;
/** `credential_refused` means the gateway's own key; a refused key of the client is `authentication`. */
export const ERROR_TYPES = [
  'none',
  'credential_refused',
  'authentication',
  'client_error',
  'rate_limited',
  'overloaded',
  'server_error',
  'timeout',
  'connection',
  'stream',
] as const;
/** How a call of an upstream can end: its outcome with the error types that go with it. */
export const ATTEMPT_ENDS: ReadonlyArray<readonly [(typeof OUTCOMES)[number], (typeof ERROR_TYPES)[number]]> = [
  ['ok', 'none'],
  ['client_abort', 'none'],
  ['client_error', 'client_error'],
  ['client_error', 'authentication'],
  ['upstream_error', 'client_error'],
  ['upstream_error', 'credential_refused'],
  ['upstream_error', 'rate_limited'],
  ['upstream_error', 'overloaded'],
  ['upstream_error', 'server_error'],
  ['upstream_error', 'connection'],
  ['timeout', 'timeout'],
  ['stream_error', 'stream'],
];
export const TERMINATIONS = [
  'complete',
  'client_abort',
  'upstream_reset',
  'no_message_stop',
  'error_event',
  'idle_timeout',
] as const;
export const STOP_REASONS = [
  'end_turn',
  'tool_use',
  'max_tokens',
  'stop_sequence',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
  'other',
] as const;

/** `estimate`: here, because an upstream that can count did not. */
export const COUNTED_BY = ['upstream', 'gateway', 'estimate'] as const;

/** As `lint-stream.ts` names them. */
export const LINT_RULES = [
  'data_not_json',
  'no_event_name',
  'wrong_event_name',
  'no_message_start',
  'second_message_start',
  'message_start_incomplete',
  'usage_missing',
  'blocks_overlap',
  'index_gap',
  'block_not_open',
  'block_not_stopped',
  'delta_of_wrong_kind',
  'tool_without_id',
  'tool_id_twice',
  'tool_input_in_start',
  'tool_input_not_json',
  'no_stop_reason',
  'no_message_stop',
  'event_after_stop',
] as const;
/** `dropped`: more waited than is written; `failed`: the folder took it not. */
export const DUMP_RESULTS = ['written', 'dropped', 'failed'] as const;
export const INSPECTION_RESULTS = ['read', 'unread'] as const;

/** As `find-drift.ts` names them. */
export const DRIFT_KINDS = ['field', 'block', 'header', 'beta', 'model'] as const;

export const ENQUEUE_RESULTS = [
  'ok',
  'dropped_full',
  'dropped_size',
  'redis_error',
  'redis_unknown',
  'failed',
] as const;
export const SKIP_REASONS = [
  'class_excluded',
  'not_sampled',
  'session_cap',
  'recursion',
  'budget',
  'backlog',
  'mode_off',
  'retry',
  'aborted',
  'primary_error',
  'cache_hit',
  'thread_continue',
  'shutdown',
] as const;
export const COMPARE_STREAMS = ['exchanges', 'dead'] as const;
/** Of dead letters nothing waits: they have a number and nothing else. */
export const WAITING_STREAMS = ['exchanges'] as const;
export const VERDICTS = [
  'equivalent',
  'diverged',
  'target_error',
  'primary_error',
  'both_error',
  'incomparable',
  'orphan',
] as const;
export const ACTION_LEVELS = ['identical', 'canonical', 'same_intent', 'same_tool', 'same_type', 'divergent'] as const;
export const DIMENSIONS = ['stop_reason', 'tool_names', 'tool_args', 'text', 'schema'] as const;
export const DIMENSION_RESULTS = ['agree', 'differ', 'na'] as const;
/** The dimensions that have a degree, not only a yes or no. */
export const SIMILARITY_DIMENSIONS = ['tool_args', 'text'] as const;
/** `skipped` = acknowledged without a pair because nothing was planned; `duplicate` = the pair was there already. */
export const DELIVERY_RESULTS = ['paired', 'skipped', 'duplicate', 'failed', 'dead'] as const;
export const DEAD_REASONS = ['schema', 'deliveries', 'trimmed', 'bus_reset'] as const;
export const HISTORY_RESULTS = ['stored', 'duplicate', 'expired', 'failed', 'dead'] as const;

export const SPAN_RESULTS = ['exported', 'dropped_queue', 'dropped_bytes', 'failed', 'unsampled'] as const;
/** `dropped`: more were waiting than may. */
export const ANNOTATION_RESULTS = ['posted', 'dropped', 'failed'] as const;
export const EXPORTERS = ['otlp'] as const;

const MOST_MODELS = 8;

/**
 * Maps a name to itself when it is one of the first `limit` distinct known names, else to `other`: what a client sends
 * never becomes a label value of its own.
 */
export function boundedLabel(known: Iterable<string>, limit: number = MOST_MODELS): (name: string | null) => string {
  const names = new Set([...new Set(known)].slice(0, limit));
  return (name) => (name !== null && names.has(name) ? name : 'other');
}
