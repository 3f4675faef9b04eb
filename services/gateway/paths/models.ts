// `GET /v1/models` and `/v1/models/{id}`, answered from memory: clients give up after three seconds. The passthrough's
// list is asked for in the background, with the credential of the client that asked.
import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { GatewayError } from '#shared/errors.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { withSpareCredential } from '#shared/upstream/credentials.ts';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import type { GatewayContext } from '../context.ts';
import { REQUEST_ID } from '../error-response.ts';
import { forwardHeaders } from '../forward-headers.ts';
import { sessionHeader } from '../routing/identify-turn.ts';
import type { ModelEntry } from './model-list.ts';

const STALE_MS = 60_000;
const LIMIT_BYTES = 4 * 1024 * 1024;

export function createModelsHandler(context: GatewayContext): RequestHandler {
  return (req: Request, res: Response) => {
    const data = list(req, context);
    res.json({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
    tellAnswered(req, res, context);
  };
}

export function createModelHandler(context: GatewayContext): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    const id = String(req.params.id);
    const found = list(req, context).find((entry) => entry.id === id);
    if (!found && context.mode.current().mode !== 'target') {
      next(); // the passthrough may know it
      return;
    }
    if (!found) throw new GatewayError('not_found_error', `model: ${id}`);
    res.json(found);
    tellAnswered(req, res, context);
  };
}

function tellAnswered(req: Request, res: Response, { events }: GatewayContext): void {
  const requestId = String(res.getHeader(REQUEST_ID));
  const sessionId = sessionHeader(req.headers);
  events.answered({ requestId, sessionId, route: 'models', status: 200, outcome: 'ok', durationMs: 0 });
}

function list(req: Request, context: GatewayContext): ModelEntry[] {
  const withUpstream = context.mode.current().mode !== 'target';
  const { askedAt } = context.models;
  const isStale = askedAt === null || context.clock.monotonicMs() - askedAt > STALE_MS;
  if (withUpstream && isStale)
    refresh(req, context).catch((error: unknown) => context.events.trouble('model list', error));
  return context.models.entries(withUpstream);
}

async function refresh(req: IncomingMessage, context: GatewayContext): Promise<void> {
  const passthrough = withSpareCredential(context.targets.passthrough, req.rawHeaders);
  context.models.touch();
  const answer = await callUpstream(
    {
      ...toUpstreamUrl(passthrough, '/v1/models?limit=1000'),
      method: 'GET',
      headers: [...withoutEncoding(forwardHeaders(req.rawHeaders, passthrough)), 'accept-encoding', 'identity'],
      body: null,
    },
    { dispatcher: context.agentFor(passthrough), timeouts: passthrough.timeouts },
  );
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    answer.start({
      onChunk: (chunk) => {
        size += chunk.length;
        if (size <= LIMIT_BYTES) chunks.push(chunk);
      },
      onEnd: resolve,
      onError: reject,
    });
  });
  if (answer.status !== 200) return;
  const listed = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { data?: ModelEntry[] };
  context.models.remember((listed.data ?? []).filter((entry) => typeof entry?.id === 'string'));
}

function withoutEncoding(headers: string[]): string[] {
  return headers.filter((_, index) => headers[index - (index % 2)]?.toLowerCase() !== 'accept-encoding');
}
