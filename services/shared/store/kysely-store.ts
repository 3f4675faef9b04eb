// The store over any Kysely database: the port's methods, each one query. The adapters only bring the connection.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { listErrorGroups } from './error-groups.ts';
import { findExchange, insertExchange, listExchanges } from './exchanges.ts';
import { isUpToDate, migrateToLatest, type StoreKind } from './migrations/index.ts';
import { countSessionPairs, findPair, insertPair, listPairs, markPairExported } from './pairs.ts';
import type { StoreDatabase } from './schema.ts';
import type { Store } from './store.ts';

const READY_POLL_MS = 100;

export function createKyselyStore(kind: StoreKind, db: Kysely<StoreDatabase>): Store {
  let closed: Promise<void> | undefined;
  return {
    kind,
    migrate: () => migrateToLatest(kind, db),
    ready: (timeoutMs) => waitForSchema(db, timeoutMs),
    insertExchange: (row) => insertExchange(db, row),
    exchange: (id) => findExchange(db, id),
    exchanges: (query) => listExchanges(db, query),
    errorGroups: (query) => listErrorGroups(db, query),
    insertPair: (row) => insertPair(db, row),
    pair: (pairId) => findPair(db, pairId),
    pairs: (query) => listPairs(db, query),
    markExported: (pairId, at) => markPairExported(db, pairId, at),
    countSessionPairs: (sessionId, target) => countSessionPairs(db, sessionId, target),
    async healthy() {
      try {
        await sql`select 1`.execute(db);
        return true;
      } catch {
        return false;
      }
    },
    close() {
      closed ??= db.destroy();
      return closed;
    },
  };
}

async function waitForSchema(db: Kysely<StoreDatabase>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let trouble: unknown;
  for (;;) {
    try {
      if (await isUpToDate(db)) return;
    } catch (error) {
      trouble = error;
    }
    if (performance.now() + READY_POLL_MS > deadline) break;
    await sleep(READY_POLL_MS);
  }
  throw new Error(`the store's schema is not up to date after ${timeoutMs} ms`, { cause: trouble });
}
