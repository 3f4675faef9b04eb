// The caller's side of the SQLite thread: a promise for every query. The thread keeps the process alive only while an
// answer is owed.
import { Worker } from 'node:worker_threads';
import type { SqliteOpen, SqliteReply, SqliteRequest, SqliteValue } from './sqlite-messages.ts';

export interface SqliteResult {
  rows: unknown[];
  changes: number | bigint | null;
}

export interface SqliteThread {
  /** False once the thread is gone; what was asked then has been rejected. */
  readonly alive: boolean;
  query(sql: string, parameters: readonly unknown[]): Promise<SqliteResult>;
  /** Closes the file, so that the write-ahead log is folded into it, and ends the thread. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(result: SqliteResult): void;
  reject(error: Error): void;
}

type Question = { kind: 'query'; sql: string; parameters: SqliteValue[] } | { kind: 'close' };

export function startSqliteThread(open: SqliteOpen, onTrouble: (error: Error) => void): SqliteThread {
  const worker = new Worker(new URL(import.meta.resolve('#shared/store/sqlite-worker.ts')), { workerData: open });
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let alive = true;
  let closing = false;
  worker.unref();

  function ask(question: Question): Promise<SqliteResult> {
    return new Promise((resolve, reject) => {
      if (!alive) {
        reject(new Error('the SQLite thread has ended'));
        return;
      }
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ ...question, id } satisfies SqliteRequest);
    });
  }

  function end(error: Error): void {
    alive = false;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  worker.on('message', (reply: SqliteReply) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if (reply.ok) asked?.resolve({ rows: reply.rows, changes: reply.changes });
    else asked?.reject(toError(reply.error));
  });
  worker.on('error', (cause) => {
    const error = new Error(`the SQLite thread failed on ${open.path}: ${toError(cause).message}`, { cause });
    end(error);
    onTrouble(error);
  });
  worker.on('exit', () => {
    if (alive && !closing) onTrouble(new Error(`the SQLite thread ended unasked on ${open.path}`));
    end(new Error('the SQLite thread has ended'));
  });

  return {
    get alive() {
      return alive;
    },
    query: (sql, parameters) => ask({ kind: 'query', sql, parameters: parameters.map(toSqliteValue) }),
    async close() {
      if (!alive) return;
      closing = true;
      const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      worker.ref();
      await ask({ kind: 'close' }).finally(() => worker.ref());
      await exited;
    },
  };
}

function toSqliteValue(value: unknown): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Uint8Array) return value;
  throw new Error(`SQLite cannot hold a ${typeof value}`);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
