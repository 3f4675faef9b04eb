// Every route on one screen.
import { createServer, type IncomingHttpHeaders, IncomingMessage, type Server, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { isLoopback } from '#shared/config/schema.ts';
import { GatewayError } from '#shared/errors.ts';
import { comesFromThisMachine } from '#shared/http/authorize.ts';
import { uuidv7 } from '#shared/ids.ts';
import { createAdminRouter } from './admin/admin-router.ts';
import type { GatewayContext } from './context.ts';
import { REQUEST_ID, sendError, toGatewayError } from './error-response.ts';
import { ClientGone } from './messages/call.ts';
import { createMessagesHandler } from './messages/handle-messages.ts';
import { createCountTokensHandler } from './paths/count-tokens.ts';
import { health, hello } from './paths/hello.ts';
import { createModelHandler, createModelsHandler } from './paths/models.ts';
import { createPassthroughHandler } from './paths/passthrough.ts';

export function createApp(context: GatewayContext): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(originForm, refuseForeignPages(context));
  app.post('/v1/messages', createMessagesHandler(context));
  app.post('/v1/messages/count_tokens', createCountTokensHandler(context));
  app.use(nameRequest(context));
  app.get('/v1/models', createModelsHandler(context));
  app.get('/v1/models/:id', createModelHandler(context));
  app.head(['/', '/api/hello'], hello);
  app.get('/health', health);
  app.use('/api', createAdminRouter(context));
  app.all('/{*path}', createPassthroughHandler(context));
  app.use(errorFunnel(context));
  return app;
}

/** A request line may name a whole URL (RFC 9112, 3.2.2); where it goes is not the client's to say. */
const originForm: RequestHandler = (req, _res, next) => {
  if (!req.url.startsWith('/') && URL.canParse(req.url)) {
    const { pathname, search } = new URL(req.url);
    req.url = pathname + search;
  }
  next();
};

/**
 * Without client keys whoever reaches a loopback address is served, so no web page may: a page of another site shows in
 * Origin, a name rebound to this machine in Host.
 */
function refuseForeignPages(context: GatewayContext): RequestHandler {
  const { listen, allowAnyKey } = context.config;
  const isGuarded = isLoopback(listen.host) && !allowAnyKey;
  /** The last one that is this machine's: nearly all clients ask under one name. */
  let ownHost: string | undefined;
  const isFromHere = (headers: IncomingHttpHeaders): boolean => {
    const { host, origin } = headers;
    if (origin === undefined && host !== undefined && host === ownHost) return true;
    if (!comesFromThisMachine(headers)) return false;
    ownHost = host;
    return true;
  };
  return (req, _res, next) => {
    if (isGuarded && !isFromHere(req.headers)) {
      throw new GatewayError(
        'permission_error',
        'a page of another site, or another name of this host, is not served',
        {
          headers: { 'x-should-retry': 'false' },
        },
      );
    }
    next();
  };
}

/** Calls have their id from `accept`; all other requests get theirs here. */
function nameRequest({ clock }: GatewayContext): RequestHandler {
  return (_req, res, next) => {
    res.setHeader(REQUEST_ID, uuidv7(clock.nowMs()));
    next();
  };
}

function errorFunnel(context: GatewayContext): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    if (error instanceof ClientGone) {
      res.destroy();
      return;
    }
    const requestId = String(res.getHeader(REQUEST_ID) ?? uuidv7(context.clock.nowMs()));
    const shown = toGatewayError(asClientError(error), requestId, context);
    if (!req.readableEnded) req.resume();
    sendError(res, shown, requestId, [REQUEST_ID, requestId]);
    context.events.answered({
      requestId,
      route: req.originalUrl.startsWith('/api/') ? 'admin' : 'other',
      status: shown.status,
      outcome: shown.status >= 500 ? 'rejected' : 'client_error',
      durationMs: 0,
    });
  };
}

/** Express's own complaint about a path it cannot decode. */
function asClientError(error: unknown): unknown {
  return error instanceof URIError
    ? new GatewayError('invalid_request_error', 'the path cannot be decoded', { cause: error })
    : error;
}

/**
 * Requests and responses that are Express's from the start. It would give each another prototype, which makes them slow to
 * use: two thirds of what Express costs.
 */
function messagesOf(app: Express): { IncomingMessage: typeof IncomingMessage; ServerResponse: typeof ServerResponse } {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage> extends ServerResponse<Request> {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype });
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse };
}

const MAX_HEADER_BYTES = 65_536;
const KEEP_ALIVE_MS = 120_000;

/** The HTTP server, with answers in the client's shape also where node:http would cut the line or say nothing. */
export function createHttpServer(context: GatewayContext): Server {
  const app = createApp(context);
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, noDelay: true, keepAliveTimeout: KEEP_ALIVE_MS, ...messagesOf(app) },
    app,
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const isHeaders = error.code === 'HPE_HEADER_OVERFLOW';
    const status = isHeaders ? '431 Request Header Fields Too Large' : '400 Bad Request';
    const message = isHeaders
      ? `the request headers are larger than ${MAX_HEADER_BYTES} bytes`
      : 'the request is not valid HTTP';
    const body = JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } });
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  return server;
}
