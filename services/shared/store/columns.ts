// What a column can hold, on either database: text without NUL and lone surrogates, finite numbers, JSON as text.
import { JsonText } from './store.ts';

/** Longer text is cut: indexes refuse keys of some 2,700 bytes, and the names come from clients. */
const MAX_TEXT = 512;

/** PostgreSQL takes no NUL and no lone surrogate in text; both become U+FFFD, in rows and in filters alike. */
export function toText(value: string): string {
  return value.slice(0, MAX_TEXT).replaceAll('\0', '\ufffd').toWellFormed();
}

export function toTextOrNull(value: string | null): string | null {
  return value === null ? null : toText(value);
}

export function toNumberOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** ISO 8601 UTC with milliseconds: one width, so that text order is time order. @throws when it is not a time. */
export function toTime(value: string): string {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) throw new Error(`${JSON.stringify(value.slice(0, 40))} is not a time`);
  return time.toISOString();
}

/** NUL and lone surrogates travel as escapes inside JSON, so nothing is lost here. */
export function toJson(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

export function toJsonOrNull(value: unknown): string | null {
  if (value instanceof JsonText) return value.text;
  return value === null || value === undefined ? null : toJson(value);
}

export function fromJson<Value>(text: string): Value {
  return JSON.parse(text) as Value;
}

export function fromJsonOrNull<Value>(text: string | null): Value | null {
  return text === null ? null : fromJson<Value>(text);
}
