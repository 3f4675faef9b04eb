// The first schema: what the history lists and what the comparator keeps of a pair, with the indexes their pages walk.
import { type Kysely, type RawBuilder, sql } from 'kysely';

export interface Dialect {
  /** The text type with byte order, so that both databases sort ids alike. */
  text: RawBuilder<unknown>;
  /** `desc` with nulls last, as an index says it. */
  largestFirst: RawBuilder<unknown>;
}

export async function createExchangesAndPairs(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { text } = dialect;
  const double = sql`double precision`;
  await db.schema
    .createTable('exchanges')
    .addColumn('id', text, (column) => column.primaryKey().notNull())
    .addColumn('started_at', text, (column) => column.notNull())
    .addColumn('session_id', text, (column) => column.notNull())
    .addColumn('class', text, (column) => column.notNull())
    .addColumn('mode', text, (column) => column.notNull())
    .addColumn('route', text, (column) => column.notNull())
    .addColumn('model_asked', text, (column) => column.notNull())
    .addColumn('model_answered', text)
    .addColumn('provider', text, (column) => column.notNull())
    .addColumn('status', text, (column) => column.notNull())
    .addColumn('http_status', double, (column) => column.notNull())
    .addColumn('stop_reason', text)
    .addColumn('input_tokens', double)
    .addColumn('output_tokens', double)
    .addColumn('cache_read_input_tokens', double)
    .addColumn('cache_creation_input_tokens', double)
    .addColumn('cost_usd', double)
    .addColumn('ttfb_ms', double)
    .addColumn('ttft_ms', double)
    .addColumn('total_duration_ms', double, (column) => column.notNull())
    .addColumn('client', text)
    .addColumn('trace_id', text, (column) => column.notNull())
    .addColumn('skip_reason', text)
    .addColumn('shadow_json', text, (column) => column.notNull())
    .addColumn('request_json', text)
    .addColumn('response_json', text)
    .execute();
  await db.schema
    .createTable('pairs')
    .addColumn('pair_id', text, (column) => column.primaryKey().notNull())
    .addColumn('exchange_id', text, (column) => column.notNull())
    .addColumn('target', text, (column) => column.notNull())
    .addColumn('replicate', double, (column) => column.notNull())
    .addColumn('started_at', text, (column) => column.notNull())
    .addColumn('session_id', text, (column) => column.notNull())
    .addColumn('class', text, (column) => column.notNull())
    .addColumn('status', text, (column) => column.notNull())
    .addColumn('verdict', text, (column) => column.notNull())
    .addColumn('skip_reason', text)
    .addColumn('level', text)
    .addColumn('scores_json', text, (column) => column.notNull())
    .addColumn('primary_json', text)
    .addColumn('secondary_json', text)
    .addColumn('latency_ratio', double)
    .addColumn('ttft_ratio', double)
    .addColumn('output_tokens_ratio', double)
    .addColumn('rewrites_json', text, (column) => column.notNull())
    .addColumn('queue_wait_ms', double, (column) => column.notNull())
    .addColumn('delivery_count', double, (column) => column.notNull())
    .addColumn('trace_id', text, (column) => column.notNull())
    .addColumn('scorer_version', text, (column) => column.notNull())
    .addColumn('exported_at', text)
    .execute();
  await createIndexes(db, dialect);
}

async function createIndexes(db: Kysely<unknown>, { largestFirst }: Dialect): Promise<void> {
  const indexes = [
    sql`create index exchanges_by_start on exchanges (started_at desc, id desc)`,
    sql`create index exchanges_by_session on exchanges (session_id, started_at desc, id desc)`,
    sql`create index pairs_by_start on pairs (started_at desc, pair_id desc)`,
    sql`create index pairs_by_exchange on pairs (exchange_id)`,
    sql`create index pairs_by_session on pairs (session_id, target)`,
    sql`create index pairs_by_latency on pairs (latency_ratio ${largestFirst}, pair_id desc)`,
    sql`create index pairs_by_ttft on pairs (ttft_ratio ${largestFirst}, pair_id desc)`,
  ];
  for (const statement of indexes) await statement.execute(db);
}
