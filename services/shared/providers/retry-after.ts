// When to come back, from wherever an upstream says it → whole seconds.
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';

const LONGEST_SECONDS = 86_400;

/** The longest of what is said, rounded up; null when nothing is said. A date counts from the answer's own `date`. */
export function readRetryAfter(rawHeaders: readonly string[], body: unknown): number | null {
  const headers = toHeaders(rawHeaders);
  const error = fieldsOf(fieldsOf(Array.isArray(body) ? body[0] : body).error);
  const metadata = fieldsOf(error.metadata);
  const seconds = [
    toSeconds(headers['retry-after'], headers.date),
    milliseconds(headers['retry-after-ms']),
    ...listOf(error.details).map((detail) => duration(fieldsOf(detail).retryDelay)),
    metadata.retry_after_seconds,
    toSeconds(textOf(lowerCased(fieldsOf(metadata.headers))['retry-after']), undefined),
  ].filter((value) => typeof value === 'number' && Number.isFinite(value) && value >= 0);
  if (seconds.length === 0) return null;
  return Math.min(LONGEST_SECONDS, Math.ceil(Math.max(...(seconds as number[]))));
}

function toHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers[(rawHeaders[index] ?? '').toLowerCase()] = rawHeaders[index + 1] ?? '';
  }
  return headers;
}

function lowerCased(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key.toLowerCase(), value]));
}

function toSeconds(value: string | undefined, now: string | undefined): number | null {
  if (value === undefined || value.trim() === '') return null;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return Number(value);
  const wait = Date.parse(value) - Date.parse(now ?? '');
  return Number.isNaN(wait) ? null : Math.max(0, wait / 1000);
}

function milliseconds(value: string | undefined): number | null {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) / 1000 : null;
}

/** `34.4s` */
function duration(value: unknown): number | null {
  const digits = /^(\d+(?:\.\d+)?)s$/.exec(textOf(value))?.[1];
  return digits === undefined ? null : Number(digits);
}
