// The thread that holds the SQLite file: runs one compiled query after the other and answers each, so that a slow disk
// never stops the caller's event loop.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { SqliteOpen, SqliteReply, SqliteRequest } from './sqlite-messages.ts';

const MAX_STATEMENTS = 100;

function open({ path, busyTimeoutMs }: SqliteOpen): DatabaseSync {
  if (path !== ':memory:') {
    // Prompts are in there: only the owner may read the file, and its -wal and -shm get the same rights.
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
  }
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs });
  enterWal(db, busyTimeoutMs);
  db.exec('pragma synchronous = normal');
  return db;
}

/** SQLite does not wait while another connection switches the same new file to WAL: it is asked again. */
function enterWal(db: DatabaseSync, timeoutMs: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      db.exec('pragma journal_mode = wal');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

function serve(port: MessagePort, db: DatabaseSync): void {
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known) return known;
    const statement = db.prepare(sql);
    const oldest = statements.keys().next().value;
    if (statements.size >= MAX_STATEMENTS && oldest !== undefined) statements.delete(oldest);
    statements.set(sql, statement);
    return statement;
  }

  function run(request: SqliteRequest): SqliteReply {
    const { id } = request;
    try {
      if (request.kind === 'close') {
        statements.clear();
        db.close();
        return { id, ok: true, rows: [], changes: null };
      }
      const statement = prepare(request.sql);
      const isReader = statement.columns().length > 0;
      if (isReader) return { id, ok: true, rows: statement.all(...request.parameters), changes: null };
      return { id, ok: true, rows: [], changes: statement.run(...request.parameters).changes };
    } catch (error) {
      return { id, ok: false, error };
    }
  }

  port.on('message', (request: SqliteRequest) => {
    port.postMessage(run(request));
    if (request.kind === 'close') port.close();
  });
}

if (parentPort) serve(parentPort, open(workerData as SqliteOpen));
