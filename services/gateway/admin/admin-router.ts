// The admin API: one resource a file. Names of ours that live elsewhere are answered with where they live, never
// forwarded.
import { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express';
import { GatewayError } from '#shared/errors.ts';
import { authorize } from '#shared/http/authorize.ts';
import type { GatewayContext } from '../context.ts';
import { REQUEST_ID } from '../error-response.ts';
import { deleteLog, getLog, putLog } from './log.ts';
import { deleteMode, getMode, putMode } from './mode.ts';
import { getRules } from './rules.ts';
import { getStats } from './stats.ts';
import { getTracing, putTracing } from './tracing.ts';
import { getTransforms } from './transforms.ts';

const ELSEWHERE = ['history', 'pairs', 'summary', 'live', 'report', 'session', 'sessions', 'errors', 'audit'];
const PLANNED = ['tiers', 'providers', 'cache', 'config', 'keys'];

export function createAdminRouter(context: GatewayContext): Router {
  const router = Router();
  const admin = authorize(context.config.adminToken);
  const json = (handler: (req: Request, context: GatewayContext) => Promise<unknown>): RequestHandler => {
    return (req: Request, res: Response, next: NextFunction) => {
      const startedAt = context.clock.monotonicMs();
      handler(req, context)
        .then((body) => {
          res.json(body);
          const durationMs = context.clock.monotonicMs() - startedAt;
          const requestId = String(res.getHeader(REQUEST_ID));
          context.events.answered({ requestId, route: 'admin', status: 200, outcome: 'ok', durationMs });
        })
        .catch(next);
    };
  };
  router.get('/mode', admin, json(getMode));
  router.put('/mode', admin, json(putMode));
  router.delete('/mode', admin, json(deleteMode));
  router.get('/tracing', admin, json(getTracing));
  router.put('/tracing', admin, json(putTracing));
  router.get('/log', admin, json(getLog));
  router.put('/log', admin, json(putLog));
  router.delete('/log', admin, json(deleteLog));
  router.get('/rules', admin, json(getRules));
  router.get('/transforms', admin, json(getTransforms));
  router.get('/stats', admin, json(getStats));
  for (const name of ELSEWHERE)
    router.all(`/${name}{/*rest}`, notHere(`/api/${name} is the console's: ${context.config.consoleUrl}api/${name}`));
  for (const name of PLANNED) router.all(`/${name}{/*rest}`, notHere(`/api/${name} is not part of this version`));
  for (const name of ['mode', 'tracing', 'log', 'rules', 'stats', 'transforms'])
    router.all(`/${name}{/*rest}`, notHere(`/api/${name} does not answer this method`));
  return router;
}

function notHere(hint: string): RequestHandler {
  return () => {
    throw new GatewayError('not_found_error', hint);
  };
}
