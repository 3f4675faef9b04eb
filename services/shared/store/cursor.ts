// The cursor of a list: the sort key and the id of the last row shown, so that inserts cannot shift a page.
import { CursorError } from './store.ts';

export interface Position {
  /** Value of the column the list is sorted by. */
  key: string | number | null;
  id: string;
}

/** `list` names the list and its order; a cursor of another one is refused. */
export function encodeCursor(list: string, position: Position): string {
  return Buffer.from(JSON.stringify([list, position.key, position.id])).toString('base64url');
}

/** @throws CursorError when this list did not give it out. */
export function decodeCursor(list: string, cursor: string, keyType: 'text' | 'number'): Position {
  const [from, key, id, ...rest] = parse(cursor);
  const keyOk = keyType === 'text' ? typeof key === 'string' : key === null || typeof key === 'number';
  if (from !== list || !keyOk || typeof id !== 'string' || rest.length > 0) throw new CursorError(cursor);
  return { key: key as Position['key'], id };
}

function parse(cursor: string): unknown[] {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.toString('base64url') !== cursor) throw new CursorError(cursor);
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (Array.isArray(value)) return value;
  } catch (error) {
    throw new CursorError(cursor, error);
  }
  throw new CursorError(cursor);
}

/** Cuts the one row too many off that was read to know whether another page follows. */
export function toPage<Stored, Row>(
  rows: Stored[],
  limit: number,
  toRow: (stored: Stored) => Row,
  toCursor: (last: Stored) => string,
): { data: Row[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { data: shown.map(toRow), next_cursor: rows.length > limit && last ? toCursor(last) : null };
}
