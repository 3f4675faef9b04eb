// Kysely over the SQLite thread. One connection, which Kysely hands to one query or one transaction at a time.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { SqliteOpen } from './sqlite-messages.ts';
import { type SqliteThread, startSqliteThread } from './sqlite-thread.ts';

export function createSqliteDialect(open: SqliteOpen, onTrouble: (error: Error) => void): Dialect {
  return {
    createDriver: () => createDriver(open, onTrouble),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new TransactionalSqliteAdapter(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  };
}

/** Migrations run in one `begin immediate` transaction, which shuts out a second migrator of the same file. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function createDriver(open: SqliteOpen, onTrouble: (error: Error) => void): Driver {
  let thread: SqliteThread | undefined;

  const run = (sql: string) => (connection: DatabaseConnection) =>
    connection.executeQuery(CompiledQuery.raw(sql)).then(() => {});

  return {
    init: async () => {},
    async acquireConnection() {
      if (!thread?.alive) thread = startSqliteThread(open, onTrouble);
      return connectionTo(thread);
    },
    beginTransaction: run('begin immediate'),
    commitTransaction: run('commit'),
    rollbackTransaction: run('rollback'),
    releaseConnection: async () => {},
    async destroy() {
      await thread?.close();
    },
  };
}

function connectionTo(thread: SqliteThread): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, changes } = await thread.query(query.sql, query.parameters);
      return { rows: rows as Row[], ...(changes === null ? {} : { numAffectedRows: BigInt(changes) }) };
    },
    // Kysely asks for it; a page is never large enough to be streamed.
    streamQuery() {
      throw new Error('the SQLite store does not stream');
    },
  };
}
