// `POST /v1/messages/count_tokens`: the way of a message without books and exchange.
import type { RequestHandler } from 'express';
import type { GatewayContext } from '../context.ts';
import { writeError } from '../error-response.ts';
import { accept } from '../messages/accept.ts';
import { authenticate } from '../messages/authenticate.ts';
import { dispatch } from '../messages/dispatch.ts';
import { parse } from '../messages/parse.ts';
import { route } from '../messages/route.ts';
import { streamBack } from '../messages/stream-back.ts';
import { transform } from '../messages/transform.ts';

export function createCountTokensHandler(context: GatewayContext): RequestHandler {
  return async (req, res) => {
    const call = accept(req, res, context);
    try {
      const caller = authenticate(call, context);
      const request = await parse(call, context);
      const plan = route(caller, request, call, context);
      const answer = await dispatch(transform(plan, request, call), plan, call, context);
      await streamBack(answer, plan, call, context);
    } catch (error) {
      writeError(error, call, context);
    } finally {
      for (const release of call.releases) release();
      context.open.delete(call);
      const status = res.headersSent ? res.statusCode : 0;
      const outcome = call.isClientGone
        ? 'client_abort'
        : status >= 500
          ? 'upstream_error'
          : status >= 400
            ? 'client_error'
            : 'ok';
      context.events.answered('count_tokens', status, outcome, context.clock.monotonicMs() - call.acceptedAt);
    }
  };
}
