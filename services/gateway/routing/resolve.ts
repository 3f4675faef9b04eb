// Model name → target: the forced one, else an exact name or alias, else the first model. Rules are asked before it, but
// not where a target is forced. Pure.
import { GatewayError } from '#shared/errors.ts';
import type { Target, Targets } from '#shared/providers/target.ts';

export interface Resolution {
  target: Target;
  /** `forced`, `target`, `rule:<name>`, `model:<name>`, `alias:<name>` or `default`. */
  reason: string;
}

/** Prefix of the names under which clients that keep only Claude models are shown ours. */
export const ALIAS_PREFIX = 'claude-';

/** @throws GatewayError 404 when nothing is configured to send to */
export function resolve(model: string, targets: Targets): Resolution {
  if (targets.forced) return { target: targets.forced, reason: targets.forced.model === null ? 'target' : 'forced' };
  const exact = targets.models.get(model);
  if (exact) return { target: exact, reason: `model:${exact.name}` };
  const aliased = findAlias(model, targets);
  if (aliased) return { target: aliased, reason: `alias:${aliased.name}` };
  const [first] = targets.models.values();
  if (first) return { target: first, reason: 'default' };
  throw new GatewayError(
    'not_found_error',
    'no model to send to: give --target-url and --model, or providers in cc-proxy.toml',
  );
}

/** Is the name one of ours: `--model`, a model, or an alias of one? */
export function isOurModel(model: string, targets: Targets): boolean {
  const { forced } = targets;
  const isForced = forced?.model != null && (model === forced.model || model === ALIAS_PREFIX + forced.model);
  return isForced || findModel(model, targets) !== undefined;
}

/** The model of that name, or with that alias. */
export function findModel(name: string, targets: Targets): Target | undefined {
  return targets.models.get(name) ?? findAlias(name, targets);
}

function findAlias(model: string, targets: Targets): Target | undefined {
  for (const target of targets.models.values()) {
    if (target.aliases.includes(model) || model === ALIAS_PREFIX + target.name) return target;
  }
  return undefined;
}
