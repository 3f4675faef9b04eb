// What crosses between the thread of the caller and the thread that holds the SQLite file.

export type SqliteValue = string | number | bigint | null | Uint8Array;

export interface SqliteOpen {
  path: string;
  busyTimeoutMs: number;
}

export type SqliteRequest =
  | { kind: 'query'; id: number; sql: string; parameters: SqliteValue[] }
  | { kind: 'close'; id: number };

export type SqliteReply =
  | { id: number; ok: true; rows: unknown[]; changes: number | bigint | null }
  | { id: number; ok: false; error: unknown };
