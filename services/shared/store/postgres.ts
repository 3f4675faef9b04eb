// The store on a PostgreSQL server. A lost connection fails the queries on it and nothing else: the pool makes new ones.
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { createKyselyStore } from './kysely-store.ts';
import type { StoreDatabase } from './schema.ts';
import type { Store } from './store.ts';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string;
  /** Told when a connection dies, also between two queries. */
  onTrouble?: (error: Error) => void;
}

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 30_000;
/** A connection into a dead network looks alive for a long time; none is kept longer than this. */
const MAX_LIFETIME_SECS = 300;

export function createPostgresStore({ url, onTrouble = () => {} }: PostgresStoreOptions): Store {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'cc-proxy',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: QUERY_TIMEOUT_MS,
    maxLifetimeSeconds: MAX_LIFETIME_SECS,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // The pool hears idle clients only; one that dies while it is lent out would end the process without this listener.
  pool.on('connect', (client) => client.on('error', onTrouble));
  // What the pool then repeats has been told already, but unheard it would end the process too.
  pool.on('error', () => {});
  return createKyselyStore('postgres', new Kysely<StoreDatabase>({ dialect: new PostgresDialect({ pool }) }));
}
