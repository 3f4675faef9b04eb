// Caller and request → Plan: who answers, and why. Whom compare asks beside it waits for the client's last byte.
import { GatewayError } from '#shared/errors.ts';
import { findProvider } from '#shared/providers/index.ts';
import { withSpareCredential } from '#shared/upstream/credentials.ts';
import type { GatewayContext } from '../context.ts';
import { isOurModel } from '../routing/resolve.ts';
import { resolveByRules } from '../routing/resolve-by-rules.ts';
import type { Call, Caller, Plan, RequestView } from './call.ts';

/** @throws GatewayError 400 for a field that may not leave for that upstream; 404 when there is no model to send to */
export function route(_caller: Caller, request: RequestView, call: Call, context: GatewayContext): Plan {
  const plan = call.mode === 'target' ? toTarget(request, call, context) : toPassthrough(request, call, context);
  refuseForeignFeatures(request, plan);
  call.plan = plan;
  return plan;
}

function toTarget(request: RequestView, call: Call, context: GatewayContext): Plan {
  const { target, reason, parsed = null } = resolveByRules(request, call.request.headers, context);
  // A native route has no use for it, and would keep it for as long as the answer lasts.
  if (parsed !== null && findProvider(target)) request.parsed = parsed;
  return { mode: 'target', primary: target, model: target.model, reason };
}

function toPassthrough(request: RequestView, call: Call, context: GatewayContext): Plan {
  const isOurs = isOurModel(request.model, context.targets);
  const substitute = isOurs ? context.config.passthroughModel : null;
  return {
    mode: call.mode,
    primary: withSpareCredential(context.targets.passthrough, call.request.rawHeaders),
    model: substitute,
    reason: substitute === null ? 'passthrough' : 'passthrough:model',
  };
}

/** `safeguards` and `thread` mean something to Anthropic alone: elsewhere the client must know that they were not heard. */
function refuseForeignFeatures(request: RequestView, plan: Plan): void {
  if (plan.primary.anthropicFeatures) return;
  if (request.spans.has('safeguards')) {
    throw new GatewayError('invalid_request_error', 'safeguards: Extra inputs are not permitted');
  }
  if (request.spans.has('thread')) {
    throw new GatewayError(
      'invalid_request_error',
      'thread: not supported by this upstream; send the whole conversation',
      {
        details: { error_code: 'thread_unsupported_request' },
      },
    );
  }
}
