// The console's HTTP surface: every route on this screen, and the funnel that turns whatever was thrown into an answer.
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { GatewayError, toErrorEnvelope } from '#shared/errors.ts';
import { authorize } from '#shared/http/authorize.ts';
import { uuidv7 } from '#shared/ids.ts';
import { listErrors } from './api/errors.ts';
import { listHistory, showExchange } from './api/history.ts';
import { listPairs, showPair } from './api/pairs.ts';
import type { ConsoleContext } from './context.ts';

export function createServer(context: ConsoleContext): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.use(nameRequest(context));

  app.get('/health', (_req, res) => {
    res.json({ status: 'ok' });
  });
  app.use('/api', authorize(context.config.adminToken));
  app.get('/api/history', listHistory(context));
  app.get('/api/history/:id', showExchange(context));
  app.get('/api/pairs', listPairs(context));
  app.get('/api/pairs/:id', showPair(context));
  app.get('/api/errors', listErrors(context));
  app.use(refuseUnknown);
  app.use(answerError(context));
  return app;
}

const REQUEST_ID = 'x-ccproxy-request-id';

function nameRequest({ clock }: ConsoleContext): RequestHandler {
  return (_req, res, next) => {
    res.set({
      [REQUEST_ID]: uuidv7(clock.nowMs()),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    next();
  };
}

const refuseUnknown: RequestHandler = (req) => {
  throw new GatewayError('not_found_error', `no route ${req.method} ${req.path.slice(0, 200)}`);
};

function answerError({ events }: ConsoleContext): ErrorRequestHandler {
  return (thrown: unknown, req, res, next) => {
    const requestId = String(res.get(REQUEST_ID));
    const error = toGatewayError(thrown);
    if (error.status >= 500) events.requestFailed(requestId, req.path, thrown);
    if (res.headersSent) {
      next(thrown);
      return;
    }
    res.status(error.status).set(error.headers).json(toErrorEnvelope(error, requestId));
  };
}

function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof URIError) {
    return new GatewayError('invalid_request_error', 'path: is not URL-encoded', { cause: thrown });
  }
  return new GatewayError('api_error', 'the console failed on this request', { cause: thrown });
}
