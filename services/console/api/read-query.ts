// The query string of a list → typed values. What is wrong is refused by name; nothing is silently ignored.
import { GatewayError } from '#shared/errors.ts';

export interface ListQuery {
  limit: number;
  cursor?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** Allowed parameters beside `limit` and `cursor`: a list of values, or null for any text. */
export type Filters<Name extends string> = Record<Name, readonly string[] | null>;

/** @throws GatewayError invalid_request_error. An empty value counts as absent. */
export function readQuery<Name extends string>(
  url: string,
  filters: Filters<Name>,
): ListQuery & { [Key in Name]?: string } {
  const given = new URL(url, 'http://console').searchParams;
  const known = new Map<string, readonly string[] | null>([
    ['limit', null],
    ['cursor', null],
    ...Object.entries<readonly string[] | null>(filters),
  ]);
  const values: Record<string, string> = {};
  for (const [name, value] of given) {
    const allowed = known.get(name);
    if (allowed === undefined) throw refuse(name, `unknown parameter; known are ${[...known.keys()].join(', ')}`);
    if (given.getAll(name).length > 1) throw refuse(name, 'must be given once');
    if (value === '') continue;
    if (allowed && !allowed.includes(value)) throw refuse(name, `must be one of ${allowed.join(', ')}`);
    values[name] = value;
  }
  const { limit, ...rest } = values;
  return { ...(rest as { [Key in Name]?: string }), limit: readLimit(limit) };
}

function readLimit(value: string | undefined): number {
  if (value === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw refuse('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
  return limit;
}

export function refuse(name: string, why: string): GatewayError {
  return new GatewayError('invalid_request_error', `${name.slice(0, 60)}: ${why}`);
}
