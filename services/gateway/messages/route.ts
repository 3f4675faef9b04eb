// Caller and request → Plan: who answers, who is asked in the shadow, and why.
import { GatewayError } from '#shared/errors.ts';
import { findProvider } from '#shared/providers/index.ts';
import { withSpareCredential } from '#shared/upstream/credentials.ts';
import type { GatewayContext } from '../context.ts';
import { matchRule } from '../routing/match-rule.ts';
import { readFacts } from '../routing/request-facts.ts';
import { isOurModel, type Resolution, resolve } from '../routing/resolve.ts';
import type { Call, Caller, Plan, RequestView } from './call.ts';

/** @throws GatewayError 400 for a field that may not leave for that upstream; 404 when there is no model to send to */
export function route(_caller: Caller, request: RequestView, call: Call, context: GatewayContext): Plan {
  const plan = call.mode === 'target' ? toTarget(request, call, context) : toPassthrough(request, call, context);
  refuseForeignFeatures(request, plan);
  call.plan = plan;
  return plan;
}

function toTarget(request: RequestView, call: Call, context: GatewayContext): Plan {
  const { target, reason } = resolveByRules(request, call, context);
  return { mode: 'target', primary: target, model: target.model, shadow: [], reason };
}

/** @throws GatewayError 404 when nothing is configured to send to */
function resolveByRules(request: RequestView, call: Call, { rules, targets }: GatewayContext): Resolution {
  if (rules.length === 0 || targets.forced !== null) return resolve(request.model, targets);
  const facts = readFacts(request, call.request.headers);
  const rule = matchRule(rules, facts);
  const resolved = rule ? { target: rule.target, reason: `rule:${rule.name}` } : resolve(request.model, targets);
  // A native route has no use for it, and would keep it for as long as the answer lasts.
  if (call.mode === 'target' && findProvider(resolved.target)) request.parsed = facts.parsed;
  return resolved;
}

function toPassthrough(request: RequestView, call: Call, context: GatewayContext): Plan {
  const isOurs = isOurModel(request.model, context.targets);
  const substitute = isOurs ? context.config.passthroughModel : null;
  return {
    mode: call.mode,
    primary: withSpareCredential(context.targets.passthrough, call.request.rawHeaders),
    model: substitute,
    shadow: call.mode === 'compare' ? shadowOf(request, call, context) : [],
    reason: substitute === null ? 'passthrough' : 'passthrough:model',
  };
}

function shadowOf(request: RequestView, call: Call, context: GatewayContext): Plan['shadow'] {
  const resolved = resolveByRules(request, call, context).target;
  const also = context.config.also.flatMap((name) => context.targets.models.get(name) ?? []);
  return [...new Set([resolved, ...also])];
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
