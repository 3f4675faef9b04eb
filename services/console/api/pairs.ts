// GET /api/pairs and /api/pairs/{id}: what two models did with the same request. Pair ids hold `:` and may hold `/`:
// they are URL-encoded in the path.
import type { RequestHandler } from 'express';
import { GatewayError } from '#shared/errors.ts';
import type { PairQuery } from '#shared/store/store.ts';
import type { ConsoleContext } from '../context.ts';
import { askStore } from './ask-store.ts';
import { type Filters, readQuery } from './read-query.ts';

const SORTS = ['started_at', 'latency_ratio', 'ttft_ratio'] as const satisfies ReadonlyArray<PairQuery['sort']>;

const FILTERS = {
  exchange_id: null,
  target: null,
  verdict: ['equivalent', 'diverged', 'target_error', 'primary_error', 'both_error', 'incomparable', 'orphan'],
  level: ['identical', 'canonical', 'same_intent', 'same_tool', 'same_type', 'divergent'],
  sort: SORTS,
} satisfies Filters<string>;

export function listPairs({ store }: ConsoleContext): RequestHandler {
  return async (req, res) => {
    const { sort: asked, ...filters } = readQuery(req.url, FILTERS);
    const sort = SORTS.find((name) => name === asked);
    res.json(await askStore(() => store.pairs(sort === undefined ? filters : { ...filters, sort })));
  };
}

export function showPair({ store }: ConsoleContext): RequestHandler<{ id: string }> {
  return async (req, res) => {
    const { id } = req.params;
    const pair = await askStore(() => store.pair(id));
    if (!pair) throw new GatewayError('not_found_error', `id: no pair ${JSON.stringify(id.slice(0, 80))}`);
    res.json(pair);
  };
}
