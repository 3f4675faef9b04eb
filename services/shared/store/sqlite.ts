// The embedded store: one SQLite file in a thread of its own.
import { Kysely } from 'kysely';
import { createKyselyStore } from './kysely-store.ts';
import type { StoreDatabase } from './schema.ts';
import { createSqliteDialect } from './sqlite-dialect.ts';
import type { Store } from './store.ts';

export interface SqliteStoreOptions {
  /** Absolute path of the file, made if missing; `:memory:` for a store that dies with its thread. */
  path: string;
  /** Told when the thread fails outside a query. The next query starts a new one. */
  onTrouble?: (error: Error) => void;
}

const BUSY_TIMEOUT_MS = 5_000;

export function createSqliteStore({ path, onTrouble = () => {} }: SqliteStoreOptions): Store {
  const dialect = createSqliteDialect({ path, busyTimeoutMs: BUSY_TIMEOUT_MS }, onTrouble);
  return createKyselyStore('sqlite', new Kysely<StoreDatabase>({ dialect }));
}
