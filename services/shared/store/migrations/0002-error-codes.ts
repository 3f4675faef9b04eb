// What went wrong with an exchange, as a column of its own, and the index that groups of it are counted by.
import { type Kysely, sql } from 'kysely';
import type { Dialect } from './0001-exchanges-and-pairs.ts';

export async function addErrorCodes(db: Kysely<unknown>, { text }: Dialect): Promise<void> {
  await db.schema.alterTable('exchanges').addColumn('error_code', text).execute();
  // Nobody wrote down why.
  await sql`update exchanges set error_code = 'unknown' where status in ('error', 'partial')`.execute(db);
  await sql`create index exchanges_by_error on exchanges (error_code, provider, route, started_at)
    where error_code is not null`.execute(db);
}
