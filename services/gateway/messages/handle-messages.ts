// A request's whole way, in order, one call a step. Each step is the file of its name.
import type { RequestHandler } from 'express';
import type { GatewayContext } from '../context.ts';
import { writeError } from '../error-response.ts';
import { accept } from './accept.ts';
import { account } from './account.ts';
import { authenticate } from './authenticate.ts';
import { dispatch } from './dispatch.ts';
import { parse } from './parse.ts';
import { publishExchange } from './publish-exchange.ts';
import { route } from './route.ts';
import { streamBack } from './stream-back.ts';
import { transform } from './transform.ts';

export function createMessagesHandler(context: GatewayContext): RequestHandler {
  return async (req, res) => {
    const call = accept(req, res, context);
    context.dumps?.begin(call);
    try {
      const caller = authenticate(call, context);
      const request = await parse(call, context);
      const plan = route(caller, request, call, context);
      const outbound = await transform(plan, request, call, context);
      const answer = await dispatch(outbound, plan, call, context);
      await streamBack(answer, plan, call, context);
    } catch (error) {
      writeError(error, call, context);
    } finally {
      const finished = account(call, context);
      publishExchange(finished, context);
      context.dumps?.end(call);
    }
  };
}
