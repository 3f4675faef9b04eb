// The comparator's own listener: how far behind it is, for the console and for people.
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import { authorize } from '#shared/http/authorize.ts';
import { SCORER_VERSION } from './comparison/scorers/index.ts';
import type { ComparatorContext } from './context.ts';

export function createServer(context: ComparatorContext): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/health', async (_request, response) => {
    const [bus, store] = await Promise.all([context.bus.healthy(), context.store.healthy()]);
    const isWell = bus && store;
    response.status(isWell ? 200 : 503).json({ status: isWell ? 'ok' : 'unavailable', bus, store });
  });
  app.use('/api', authorize(context.config.adminToken));
  app.get('/api/comparator', async (_request, response) => {
    response.json(await describe(context));
  });
  app.use((request, _response, next) => next(notFound(request)));
  app.use(answerError(context));
  return app;
}

async function describe({ bus, slots, budget, breakers, config, consumer }: ComparatorContext) {
  const [backlog, counters] = await Promise.all([bus.backlog('compare'), bus.counters('compare')]);
  return {
    consumer,
    scorer_version: SCORER_VERSION,
    lag: { pending: backlog.pending, oldest_age_ms: backlog.oldestAgeMs, stream_length: backlog.length },
    counters,
    unaccounted: counters.published - counters.finished - counters.dead - counters.pending,
    in_flight: slots.busy,
    parked: slots.parked,
    concurrency: config.concurrency,
    budgets: budget.status().map(({ target, tokensUsed, tokensPerHour }) => ({
      target,
      tokens_used_this_hour: tokensUsed,
      tokens_per_hour: tokensPerHour,
    })),
    breakers: breakers.status().map(({ target, state, failures, openUntilMs }) => ({
      target,
      state,
      failures,
      open_until: openUntilMs === null ? null : new Date(openUntilMs).toISOString(),
    })),
  };
}

function notFound(request: Request): GatewayError {
  return new GatewayError(
    'not_found_error',
    `${request.path} is not here; this is the comparator: /api/comparator, /health`,
  );
}

function answerError(context: ComparatorContext) {
  return (error: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    const isOurs = error instanceof GatewayError;
    if (!isOurs) context.events.trouble('http', error);
    const shown = isOurs ? error : new GatewayError('api_error', 'the comparator cannot answer this now');
    response.status(shown.status).set(shown.headers).json(toErrorEnvelope(shown));
  };
}
