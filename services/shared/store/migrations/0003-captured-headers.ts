// Request headers that somebody asked to keep, as JSON; null = none.
import type { Kysely } from 'kysely';
import type { Dialect } from './0001-exchanges-and-pairs.ts';

export async function addCapturedHeaders(db: Kysely<unknown>, { text }: Dialect): Promise<void> {
  await db.schema.alterTable('exchanges').addColumn('captured_headers_json', text).execute();
}
