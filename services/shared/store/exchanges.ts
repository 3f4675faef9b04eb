// Queries on `exchanges`, one set for both databases.
import type { Kysely, Selectable } from 'kysely';
import {
  fromJson,
  fromJsonOrNull,
  toJson,
  toJsonOrNull,
  toNumberOrNull,
  toText,
  toTextOrNull,
  toTime,
} from './columns.ts';
import { decodeCursor, encodeCursor, toPage } from './cursor.ts';
import type { ExchangesTable, StoreDatabase } from './schema.ts';
import type { ExchangeDetail, ExchangeRow, HistoryQuery, Page } from './store.ts';

const LIST = 'exchanges';

/** The columns of a list: everything but what the exchange said. */
const ROW_COLUMNS = [
  'id',
  'started_at',
  'session_id',
  'class',
  'mode',
  'route',
  'model_asked',
  'model_answered',
  'provider',
  'status',
  'http_status',
  'stop_reason',
  'error_code',
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cost_usd',
  'ttfb_ms',
  'ttft_ms',
  'total_duration_ms',
  'client',
  'trace_id',
  'captured_headers_json',
] as const satisfies ReadonlyArray<keyof ExchangesTable>;

type StoredRow = Pick<Selectable<ExchangesTable>, (typeof ROW_COLUMNS)[number]>;

export async function insertExchange(db: Kysely<StoreDatabase>, row: ExchangeDetail): Promise<boolean> {
  const inserted = await db
    .insertInto('exchanges')
    .values(toStored(row))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  return inserted.length > 0;
}

export async function findExchange(db: Kysely<StoreDatabase>, id: string): Promise<ExchangeDetail | null> {
  const stored = await db.selectFrom('exchanges').selectAll().where('id', '=', toText(id)).executeTakeFirst();
  if (!stored) return null;
  return {
    ...toRow(stored),
    request: fromJsonOrNull(stored.request_json),
    response: fromJsonOrNull(stored.response_json),
    skip_reason: stored.skip_reason,
    shadow: fromJson(stored.shadow_json),
  };
}

export async function listExchanges(db: Kysely<StoreDatabase>, query: HistoryQuery): Promise<Page<ExchangeRow>> {
  let select = db
    .selectFrom('exchanges')
    .select(ROW_COLUMNS)
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .limit(query.limit + 1);
  const { cursor, model } = query;
  if (cursor !== undefined) {
    const after = decodeCursor(LIST, cursor, 'text');
    select = select.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('started_at', 'id'), '<', tuple(String(after.key), after.id)),
    );
  }
  if (query.session_id !== undefined) select = select.where('session_id', '=', toText(query.session_id));
  if (query.status !== undefined) select = select.where('status', '=', toText(query.status));
  if (query.class !== undefined) select = select.where('class', '=', toText(query.class));
  if (model !== undefined) {
    select = select.where((eb) =>
      eb.or([eb('model_asked', '=', toText(model)), eb('model_answered', '=', toText(model))]),
    );
  }
  return toPage(await select.execute(), query.limit, toRow, (last) =>
    encodeCursor(LIST, { key: last.started_at, id: last.id }),
  );
}

function toStored(row: ExchangeDetail): ExchangesTable {
  return {
    id: toText(row.id),
    started_at: toTime(row.started_at),
    session_id: toText(row.session_id),
    class: toText(row.class),
    mode: toText(row.mode),
    route: toText(row.route),
    model_asked: toText(row.model_asked),
    model_answered: toTextOrNull(row.model_answered),
    provider: toText(row.provider),
    status: toText(row.status),
    http_status: row.http_status,
    stop_reason: toTextOrNull(row.stop_reason),
    error_code: toTextOrNull(row.error_code),
    input_tokens: toNumberOrNull(row.usage.input_tokens),
    output_tokens: toNumberOrNull(row.usage.output_tokens),
    cache_read_input_tokens: toNumberOrNull(row.usage.cache_read_input_tokens),
    cache_creation_input_tokens: toNumberOrNull(row.usage.cache_creation_input_tokens),
    cost_usd: toNumberOrNull(row.cost_usd),
    ttfb_ms: toNumberOrNull(row.ttfb_ms),
    ttft_ms: toNumberOrNull(row.ttft_ms),
    total_duration_ms: row.total_duration_ms,
    client: toTextOrNull(row.client),
    trace_id: toText(row.trace_id),
    skip_reason: toTextOrNull(row.skip_reason),
    shadow_json: toJson(row.shadow),
    request_json: toJsonOrNull(row.request),
    response_json: toJsonOrNull(row.response),
    captured_headers_json: toJsonOrNull(row.captured_headers),
  };
}

function toRow(stored: StoredRow): ExchangeRow {
  return {
    id: stored.id,
    started_at: stored.started_at,
    session_id: stored.session_id,
    class: stored.class,
    mode: stored.mode,
    route: stored.route,
    model_asked: stored.model_asked,
    model_answered: stored.model_answered,
    provider: stored.provider,
    status: stored.status,
    http_status: stored.http_status,
    stop_reason: stored.stop_reason,
    error_code: stored.error_code,
    usage: {
      input_tokens: stored.input_tokens,
      output_tokens: stored.output_tokens,
      cache_read_input_tokens: stored.cache_read_input_tokens,
      cache_creation_input_tokens: stored.cache_creation_input_tokens,
    },
    cost_usd: stored.cost_usd,
    ttfb_ms: stored.ttfb_ms,
    ttft_ms: stored.ttft_ms,
    total_duration_ms: stored.total_duration_ms,
    client: stored.client,
    trace_id: stored.trace_id,
    captured_headers: fromJsonOrNull(stored.captured_headers_json),
  };
}
