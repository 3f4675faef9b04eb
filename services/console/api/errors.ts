// GET /api/errors: what went wrong, one row for all exchanges with the same cause, and one of them to look at.
import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { ErrorGroup } from '#shared/store/store.ts';
import type { ConsoleContext } from '../context.ts';
import { askStore } from './ask-store.ts';
import { type Filters, readQuery, refuse } from './read-query.ts';

const FILTERS = { since: null, provider: null, error_code: null } satisfies Filters<string>;

export function listErrors({ store }: ConsoleContext): RequestHandler {
  return async (req, res) => {
    const { cursor, ...query } = readQuery(req.url, FILTERS);
    if (cursor !== undefined) throw refuse('cursor', 'there are no further pages of groups');
    if (query.since !== undefined && Number.isNaN(Date.parse(query.since))) throw refuse('since', 'must be a time');
    const groups = await askStore(() => store.errorGroups(query));
    res.json({ data: groups.map((group) => ({ fingerprint: fingerprintOf(group), ...group })), next_cursor: null });
  };
}

/** The same for the same cause, wherever and whenever it is asked for. */
function fingerprintOf({ error_code, provider, route }: ErrorGroup): string {
  return createHash('sha256')
    .update(JSON.stringify([error_code, provider, route]))
    .digest('hex')
    .slice(0, 16);
}
