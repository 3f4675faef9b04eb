// Every other path. In compare and anthropic-only it goes to the passthrough as it is, whatever its size; in target mode
// not one byte leaves, and the answer is 404.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Socket } from 'node:net';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { GatewayError } from '#shared/errors.ts';
import { newSpanId, newTraceId, parseTraceparent, uuidv7 } from '#shared/ids.ts';
import { CREDENTIAL_HEADERS, credentialHeaders } from '#shared/upstream/credentials.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import { bearsAdminToken } from '../admin/admin-access.ts';
import type { GatewayContext } from '../context.ts';
import { sendError } from '../error-response.ts';

export function createPassthroughHandler(context: GatewayContext): RequestHandler {
  const forward = createForwarder(context);
  return (req: Request, res: Response, next: NextFunction) => {
    const { mode } = context.mode.current();
    if (mode === 'target') {
      throw new GatewayError(
        'not_found_error',
        `${req.method} ${req.path} is not served here, and mode target forwards nothing else`,
      );
    }
    if (bearsAdminToken(req.headers, context.config.adminToken)) {
      throw new GatewayError('permission_error', 'the admin token is for the admin API only and is forwarded nowhere');
    }
    observe(req, res, context);
    void forward(req, res, next);
  };
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
      proxyReq: (outgoing: ClientRequest, req: IncomingMessage) => {
        const own = credentialHeaders(passthrough.credential, req.rawHeaders);
        const stays = new Set(passthrough.credential.kind === 'client' ? own.map((name) => name.toLowerCase()) : []);
        for (const name of CREDENTIAL_HEADERS) if (!stays.has(name)) outgoing.removeHeader(name);
        if (stays.size === 0 && own[0] && own[1]) outgoing.setHeader(own[0], own[1]);
        for (const name of outgoing.getHeaderNames()) if (name.startsWith('x-ccproxy-')) outgoing.removeHeader(name);
      },
      error: (error: Error, _req: IncomingMessage, res: ServerResponse | Socket) => {
        context.events.trouble('passthrough', error);
        if (res instanceof Socket) {
          res.destroy();
          return;
        }
        const failure = new GatewayError('api_error', 'no answer from the passthrough upstream', {
          status: 502,
          cause: error,
        });
        sendError(res, failure, uuidv7(context.clock.nowMs()), []);
      },
    },
  });
}

function observe(req: Request, res: Response, context: GatewayContext): void {
  const startedAt = context.clock.monotonicMs();
  const startedAtMs = context.clock.nowMs();
  res.once('close', () => {
    const isAborted = !res.writableFinished;
    const status = res.headersSent ? res.statusCode : 0;
    const outcome = isAborted
      ? 'client_abort'
      : status >= 500
        ? 'upstream_error'
        : status >= 400
          ? 'client_error'
          : 'ok';
    const durationMs = context.clock.monotonicMs() - startedAt;
    const parent = parseTraceparent(req.headers.traceparent as string | undefined);
    context.events.forwarded({
      traceId: parent?.traceId ?? newTraceId(),
      spanId: newSpanId(),
      parentSpanId: parent?.spanId ?? null,
      sampled: parent?.sampled ?? true,
      tracestate: parent ? String(req.headers.tracestate ?? '') : '',
      startedAtMs,
      durationMs,
      method: req.method,
      path: req.path,
      status,
      outcome,
    });
  });
}
