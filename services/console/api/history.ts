// GET /api/history and /api/history/{id}: the recorded exchanges.
import type { RequestHandler } from 'express';
import { GatewayError } from '#shared/errors.ts';
import type { ConsoleContext } from '../context.ts';
import { askStore } from './ask-store.ts';
import { type Filters, readQuery } from './read-query.ts';

const FILTERS = {
  session_id: null,
  model: null,
  status: ['completed', 'partial', 'error', 'aborted'],
  class: ['main', 'subagent', 'workflow', 'compaction', 'auxiliary', 'other'],
} satisfies Filters<string>;

export function listHistory({ store }: ConsoleContext): RequestHandler {
  return async (req, res) => {
    const query = readQuery(req.url, FILTERS);
    res.json(await askStore(() => store.exchanges(query)));
  };
}

export function showExchange({ store }: ConsoleContext): RequestHandler<{ id: string }> {
  return async (req, res) => {
    const { id } = req.params;
    const exchange = await askStore(() => store.exchange(id));
    if (!exchange) throw new GatewayError('not_found_error', `id: no exchange ${JSON.stringify(id.slice(0, 80))}`);
    res.json(exchange);
  };
}
