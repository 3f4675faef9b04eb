// The list of migrations, by hand and in order. A migration that has been released is never edited; a new one is added
// at the end with a name that sorts after the others.

import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import type { StoreDatabase } from '../schema.ts';
import { createExchangesAndPairs } from './0001-exchanges-and-pairs.ts';
import { addErrorCodes } from './0002-error-codes.ts';
import { addCapturedHeaders } from './0003-captured-headers.ts';

const MIGRATION_TABLE = 'schema_migrations';
const LOCK_TABLE = 'schema_migrations_lock';
const NAMES = ['0001-exchanges-and-pairs', '0002-error-codes', '0003-captured-headers'] as const;

export type StoreKind = 'sqlite' | 'postgres';

function provider(kind: StoreKind): MigrationProvider {
  const dialect =
    kind === 'postgres'
      ? { text: sql`text collate "C"`, largestFirst: sql`desc nulls last` }
      : { text: sql`text`, largestFirst: sql`desc` };
  const migrations: Record<(typeof NAMES)[number], Migration> = {
    '0001-exchanges-and-pairs': { up: (db: Kysely<unknown>) => createExchangesAndPairs(db, dialect) },
    '0002-error-codes': { up: (db: Kysely<unknown>) => addErrorCodes(db, dialect) },
    '0003-captured-headers': { up: (db: Kysely<unknown>) => addCapturedHeaders(db, dialect) },
  };
  return { getMigrations: async () => migrations };
}

/** Brings the schema up to date in one transaction, behind the database's own lock. */
export async function migrateToLatest(kind: StoreKind, db: Kysely<StoreDatabase>): Promise<void> {
  const schema = kind === 'postgres' ? await currentSchema(db) : undefined;
  const migrator = new Migrator({
    db,
    provider: provider(kind),
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: LOCK_TABLE,
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error) throw new Error('the schema of the store could not be brought up to date', { cause: error });
}

/** True when the newest migration this code knows has run. @throws when the database cannot be asked. */
export async function isUpToDate(db: Kysely<StoreDatabase>): Promise<boolean> {
  const newest = NAMES[NAMES.length - 1];
  const found = await sql`select name from ${sql.table(MIGRATION_TABLE)} where name = ${newest}`.execute(db);
  return found.rows.length > 0;
}

/** Kysely looks for its tables in every schema; only the one this connection writes to counts. */
async function currentSchema(db: Kysely<StoreDatabase>): Promise<string | undefined> {
  const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(db);
  return rows[0]?.name ?? undefined;
}
