// Request → target by the rules, else by the model's name; and whom compare asks beside the primary. Pure.
import type { Target, Targets } from '#shared/providers/target.ts';
import type { ReadRequest } from '../read-request.ts';
import type { ClientHeaders } from './classify-request.ts';
import { matchRule } from './match-rule.ts';
import { readFacts, type ScannedRequest } from './request-facts.ts';
import { type Resolution, resolve } from './resolve.ts';
import type { Rule } from './rule.ts';

export interface Routing {
  readonly rules: readonly Rule[];
  readonly targets: Targets;
}

export interface ReadResolution extends Resolution {
  /** The body, if a rule needed all of it. */
  parsed?: ReadRequest | null;
}

/** @throws GatewayError 404 when nothing is configured to send to */
export function resolveByRules(
  request: ScannedRequest,
  headers: ClientHeaders,
  { rules, targets }: Routing,
): ReadResolution {
  if (rules.length === 0 || targets.forced !== null) return resolve(request.model, targets);
  const facts = readFacts(request, headers);
  const rule = matchRule(rules, facts);
  const resolved = rule ? { target: rule.target, reason: `rule:${rule.name}` } : resolve(request.model, targets);
  return { ...resolved, parsed: facts.parsed };
}

/** The answer `target` mode would give, and `also`: names of models. Never throws. */
export function shadowTargets(
  request: ScannedRequest,
  headers: ClientHeaders,
  routing: Routing,
  also: readonly string[],
): Target[] {
  const { forced, models } = routing.targets;
  if (forced === null && models.size === 0) return [];
  const others = also.flatMap((name) => models.get(name) ?? []);
  return [...new Set([resolveByRules(request, headers, routing).target, ...others])];
}
