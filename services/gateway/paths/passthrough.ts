// Every other path. In compare and anthropic-only it goes to the passthrough as it is, whatever its size; in target mode
// not one byte leaves, and the answer is 404.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Socket } from 'node:net';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { GatewayError } from '#shared/errors.ts';
import type { Target } from '#shared/providers/target.ts';
import { isSecretName } from '#shared/telemetry/secret-shapes.ts';
import {
  CREDENTIAL_HEADERS,
  credentialHeaders,
  tokenRefused,
  withSpareCredential,
} from '#shared/upstream/credentials.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import { holdsAdminToken } from '../admin/holds-admin-token.ts';
import type { GatewayContext } from '../context.ts';
import { REQUEST_ID, sendError } from '../error-response.ts';
import { connectionNames, HOP_BY_HOP, isOfAccount, TRACE_CONTEXT } from '../forward-headers.ts';
import type { CallTrace } from '../messages/call.ts';
import { breakOff, refuseWhileDraining } from '../open-answers.ts';
import type { ForwardedRequest } from '../passthrough-span.ts';
import { sessionHeader } from '../routing/identify-turn.ts';
import { startTrace, TRACE_RESPONSE, traceHeaders, traceResponse } from '../start-trace.ts';

const UPSTREAM_ANSWER = Symbol('upstream answer');
/** With the upstream's answer, once that has begun. */
type ForwardedResponse = ServerResponse & { [UPSTREAM_ANSWER]?: IncomingMessage };

export function createPassthroughHandler(context: GatewayContext): RequestHandler {
  const forward = createForwarder(context);
  return (req: Request, res: Response & ForwardedResponse, next: NextFunction) => {
    const { mode } = context.mode.current();
    if (mode === 'target') {
      throw new GatewayError(
        'not_found_error',
        `${req.method} ${req.path} is not served here, and mode target forwards nothing else`,
      );
    }
    refuseWhileDraining(context.isDraining());
    if (holdsAdminToken(req.headers, context.config.adminToken)) {
      throw new GatewayError('permission_error', 'the admin token is for the admin API only and is forwarded nowhere');
    }
    refuseUpgrade(req.headers.upgrade);
    const trace = startTrace(req.headers, context.config.trace, false);
    // The upstream's own is put over it.
    if (context.tracing.describe().enabled) res.setHeader(TRACE_RESPONSE, traceResponse(trace));
    observe(req, res, context, trace);
    req.headers = outgoingHeaders(req, withSpareCredential(context.targets.passthrough, req.rawHeaders), trace);
    void forward(req, res, next);
  };
}

/** HTTP/2 is an offer that a server may pass over; whoever asks for another protocol waits for nothing but that. */
function refuseUpgrade(protocol: string | undefined): void {
  if (protocol === undefined || /^h2c$/i.test(protocol)) return;
  throw new GatewayError(
    'invalid_request_error',
    `upgrade: no connection is turned into ${protocol.slice(0, 64)} here`,
  );
}

function createForwarder(context: GatewayContext): ReturnType<typeof createProxyMiddleware> {
  const { passthrough } = context.targets;
  const base = new URL(passthrough.baseUrl);
  const { path: prefix } = toUpstreamUrl(passthrough, '');
  const keepAlive = { keepAlive: true, noDelay: true, timeout: passthrough.timeouts.connectMs };
  return createProxyMiddleware({
    target: base.origin,
    changeOrigin: true,
    agent: base.protocol === 'https:' ? new HttpsAgent(keepAlive) : new HttpAgent(keepAlive),
    proxyTimeout: passthrough.timeouts.idleMs,
    ...(prefix === '' ? {} : { pathRewrite: (path: string) => prefix + path }),
    on: {
      proxyRes: (answer: IncomingMessage, req: IncomingMessage, res: ForwardedResponse) => {
        res[UPSTREAM_ANSWER] = answer;
        const target = withSpareCredential(passthrough, req.rawHeaders);
        if (answer.statusCode === 401) tokenRefused(target.credential, Object.entries(req.headers).flat().map(String));
        keepEndToEnd(answer, target, res.shouldKeepAlive && !context.isDraining());
        // Ahead of the library, which would close the client's connection in order.
        answer.once('error', (error) => fail(error, res));
      },
      error: (error: Error, _req: IncomingMessage, res: ServerResponse | Socket) => {
        if (res instanceof Socket) res.destroy();
        else fail(error, res);
      },
    },
  });

  /** The end of an upstream's connection is told twice, by the request and by the answer. */
  function fail(error: Error, res: ForwardedResponse): void {
    if (res.destroyed || res.writableEnded) return;
    context.events.trouble('passthrough', error);
    res[UPSTREAM_ANSWER]?.unpipe(res);
    sendFailure(error, res);
  }
}

/** What frames a body stays with it, whatever `Connection` names. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/** What the client sent, but for what belongs to its connection, to us, or to another host. */
function outgoingHeaders(req: IncomingMessage, target: Target, trace: CallTrace): IncomingHttpHeaders {
  const { credential } = target;
  const named = connectionNames(req.rawHeaders);
  const own = credentialHeaders(credential, req.rawHeaders);
  const isClients = credential.kind === 'client';
  const stays = new Set(isClients ? own.map((name) => name.toLowerCase()) : []);
  const headers: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(req.headers)) {
    if ((HOP_BY_HOP.has(name) || named.has(name)) && !FRAMING.has(name)) continue;
    if (name.startsWith('x-ccproxy-') || TRACE_CONTEXT.has(name)) continue;
    if (!stays.has(name) && (CREDENTIAL_HEADERS.has(name) || (!isClients && isSecretName(name)))) continue;
    headers[name] = value;
  }
  if (!isClients) for (let index = 0; index < own.length; index += 2) headers[own[index] ?? ''] = own[index + 1];
  const told = traceHeaders({ ...trace, forwardSpanId: trace.spanId }, target);
  for (let index = 0; index < told.length; index += 2) headers[told[index] ?? ''] = told[index + 1];
  return headers;
}

/**
 * Takes from an answer what belongs to the upstream's connection, or to the gateway's account; the client's own connection
 * is kept or closed as it asked.
 */
function keepEndToEnd(answer: IncomingMessage, target: Target, keepAlive: boolean): void {
  const named = connectionNames(answer.rawHeaders);
  delete answer.headers[REQUEST_ID];
  for (const name of Object.keys(answer.headers)) {
    const isOfHop = (HOP_BY_HOP.has(name) || named.has(name)) && !FRAMING.has(name);
    if (isOfHop || isOfAccount(name, target)) delete answer.headers[name];
  }
  answer.headers.connection = keepAlive ? 'keep-alive' : 'close';
}

function sendFailure(error: Error, res: ServerResponse): void {
  if (res.headersSent) {
    breakOff(res);
    return;
  }
  const requestId = String(res.getHeader(REQUEST_ID));
  // The library has put the upstream's headers there already.
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.statusMessage = '';
  const failure = new GatewayError('api_error', 'no answer from the passthrough upstream', {
    status: 502,
    cause: error,
  });
  sendError(res, failure, requestId, [REQUEST_ID, requestId]);
}

function observe(req: Request, res: Response & ForwardedResponse, context: GatewayContext, trace: CallTrace): void {
  const startedAt = context.clock.monotonicMs();
  const startedAtMs = context.clock.nowMs();
  const { path } = req;
  const requestId = String(res.getHeader(REQUEST_ID));
  const sessionId = sessionHeader(req.headers);
  // Ahead of the library, which then ends its request: after that nobody knows who went first.
  res.once('close', () => {
    context.events.forwarded({
      requestId,
      sessionId,
      ...trace,
      startedAtMs,
      durationMs: context.clock.monotonicMs() - startedAt,
      method: req.method,
      path,
      status: res.headersSent ? res.statusCode : 0,
      outcome: outcomeOf(res),
    });
  });
}

function outcomeOf(res: ForwardedResponse): ForwardedRequest['outcome'] {
  const answer = res[UPSTREAM_ANSWER];
  if (res.writableEnded && res.statusCode >= 500) return 'upstream_error';
  if (!res.writableFinished) return answer?.destroyed && !answer.complete ? 'stream_error' : 'client_abort';
  return res.statusCode >= 400 ? 'client_error' : 'ok';
}
