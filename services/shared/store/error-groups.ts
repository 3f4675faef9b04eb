// Exchanges that went wrong, counted by what, at whom and on which route; one query for both databases.
import type { Kysely } from 'kysely';
import { toText, toTime } from './columns.ts';
import type { StoreDatabase } from './schema.ts';
import type { ErrorGroup, ErrorQuery } from './store.ts';

export async function listErrorGroups(db: Kysely<StoreDatabase>, query: ErrorQuery): Promise<ErrorGroup[]> {
  let select = db
    .selectFrom('exchanges')
    .select(({ fn }) => [
      'error_code',
      'provider',
      'route',
      fn.countAll().as('count'),
      fn.min('started_at').as('first_at'),
      fn.max('started_at').as('last_at'),
      // Ids begin with their time.
      fn.max('id').as('sample_id'),
    ])
    .where('error_code', 'is not', null)
    .groupBy(['error_code', 'provider', 'route'])
    .orderBy('count', 'desc')
    .orderBy('last_at', 'desc')
    .orderBy('sample_id', 'desc')
    .limit(query.limit);
  if (query.since !== undefined) select = select.where('started_at', '>=', toTime(query.since));
  if (query.provider !== undefined) select = select.where('provider', '=', toText(query.provider));
  if (query.error_code !== undefined) select = select.where('error_code', '=', toText(query.error_code));
  const rows = await select.execute();
  return rows.map((row) => ({ ...row, error_code: row.error_code ?? '', count: Number(row.count) }));
}
