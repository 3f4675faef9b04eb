// Queries on `pairs`, one set for both databases.
import type { ExpressionBuilder, ExpressionWrapper, Kysely, Selectable, SqlBool } from 'kysely';
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
import { decodeCursor, encodeCursor, type Position, toPage } from './cursor.ts';
import type { PairsTable, StoreDatabase } from './schema.ts';
import type { Page, PairQuery, PairRow, PairStatus } from './store.ts';

type Sort = NonNullable<PairQuery['sort']>;
type RatioSort = Exclude<Sort, 'started_at'>;

export async function insertPair(db: Kysely<StoreDatabase>, row: PairRow): Promise<boolean> {
  const inserted = await db
    .insertInto('pairs')
    .values(toStored(row))
    .onConflict((conflict) => conflict.column('pair_id').doNothing())
    .returning('pair_id')
    .execute();
  return inserted.length > 0;
}

export async function findPair(db: Kysely<StoreDatabase>, pairId: string): Promise<PairRow | null> {
  const stored = await db.selectFrom('pairs').selectAll().where('pair_id', '=', toText(pairId)).executeTakeFirst();
  return stored ? toRow(stored) : null;
}

export async function listPairs(db: Kysely<StoreDatabase>, query: PairQuery): Promise<Page<PairRow>> {
  const sort = query.sort ?? 'started_at';
  const list = `pairs:${sort}`;
  let select = db
    .selectFrom('pairs')
    .selectAll()
    .orderBy(sort, (order) => (sort === 'started_at' ? order.desc() : order.desc().nullsLast()))
    .orderBy('pair_id', 'desc')
    .limit(query.limit + 1);
  if (query.cursor !== undefined) {
    const after = decodeCursor(list, query.cursor, sort === 'started_at' ? 'text' : 'number');
    select = select.where((eb) => (sort === 'started_at' ? startedBefore(eb, after) : ranksBelow(eb, sort, after)));
  }
  if (query.exchange_id !== undefined) select = select.where('exchange_id', '=', toText(query.exchange_id));
  if (query.target !== undefined) select = select.where('target', '=', toText(query.target));
  if (query.verdict !== undefined) select = select.where('verdict', '=', toText(query.verdict));
  if (query.level !== undefined) select = select.where('level', '=', toText(query.level));
  return toPage(await select.execute(), query.limit, toRow, (last) =>
    encodeCursor(list, { key: last[sort], id: last.pair_id }),
  );
}

type PairsExpressions = ExpressionBuilder<StoreDatabase, 'pairs'>;
type PairsCondition = ExpressionWrapper<StoreDatabase, 'pairs', SqlBool>;

function startedBefore(eb: PairsExpressions, after: Position): PairsCondition {
  return eb(eb.refTuple('started_at', 'pair_id'), '<', eb.tuple(String(after.key), after.id));
}

function ranksBelow(eb: PairsExpressions, sort: RatioSort, after: Position): PairsCondition {
  if (after.key === null) return eb.and([eb(sort, 'is', null), eb('pair_id', '<', after.id)]);
  const value = Number(after.key);
  return eb.or([
    eb(sort, '<', value),
    eb.and([eb(sort, '=', value), eb('pair_id', '<', after.id)]),
    eb(sort, 'is', null),
  ]);
}

export async function markPairExported(db: Kysely<StoreDatabase>, pairId: string, at: string): Promise<void> {
  await db
    .updateTable('pairs')
    .set({ exported_at: toTime(at) })
    .where('pair_id', '=', toText(pairId))
    .execute();
}

export async function countSessionPairs(db: Kysely<StoreDatabase>, sessionId: string, target: string): Promise<number> {
  const { count } = await db
    .selectFrom('pairs')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('session_id', '=', toText(sessionId))
    .where('target', '=', toText(target))
    .executeTakeFirstOrThrow();
  return Number(count);
}

function toStored(row: PairRow): PairsTable {
  return {
    pair_id: toText(row.pair_id),
    exchange_id: toText(row.exchange_id),
    target: toText(row.target),
    replicate: row.replicate,
    started_at: toTime(row.started_at),
    session_id: toText(row.session_id),
    class: toText(row.class),
    status: row.status,
    verdict: toText(row.verdict),
    skip_reason: toTextOrNull(row.skip_reason),
    level: toTextOrNull(row.level),
    scores_json: toJson(row.scores),
    primary_json: toJsonOrNull(row.primary),
    secondary_json: toJsonOrNull(row.secondary),
    latency_ratio: toNumberOrNull(row.latency_ratio),
    ttft_ratio: toNumberOrNull(row.ttft_ratio),
    output_tokens_ratio: toNumberOrNull(row.output_tokens_ratio),
    rewrites_json: toJson(row.rewrites),
    queue_wait_ms: row.queue_wait_ms,
    delivery_count: row.delivery_count,
    trace_id: toText(row.trace_id),
    scorer_version: toText(row.scorer_version),
    exported_at: row.exported_at === null ? null : toTime(row.exported_at),
  };
}

function toRow(stored: Selectable<PairsTable>): PairRow {
  const { scores_json, primary_json, secondary_json, rewrites_json, ...columns } = stored;
  return {
    ...columns,
    status: columns.status as PairStatus,
    scores: fromJson(scores_json),
    primary: fromJsonOrNull(primary_json),
    secondary: fromJsonOrNull(secondary_json),
    rewrites: fromJson(rewrites_json),
  };
}
