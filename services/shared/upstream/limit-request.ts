// A request within what its model takes and gives. Too many output tokens are lowered and noted, never raised; too long
// a prompt is refused in the words by which clients know to compact or to ask for less. Pure.
import { GatewayError } from '#shared/errors.ts';
import { findModelLimits, type ModelLimits } from '#shared/models/registry.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

/** Of the target as configured; of the client's own model where the target takes any. */
export function limitsOf(target: Target, model: string): ModelLimits {
  const { contextWindow, maxOutput } = target;
  if (target.model !== null) return { contextWindow, maxOutput };
  const known = findModelLimits(model);
  return { contextWindow: contextWindow ?? known.contextWindow, maxOutput: least(maxOutput, known.maxOutput) };
}

/** The smaller of two limits, of which each may be none. */
export function least(one: number | null, other: number | null): number | null {
  return one === null ? other : other === null ? one : Math.min(one, other);
}

export interface LimitedRequest {
  request: MessagesRequest;
  /** `max_tokens:8192` when it was lowered to that. */
  notes: string[];
}

export function lowerMaxTokens(request: MessagesRequest, most: number | null): LimitedRequest {
  const { max_tokens: asked } = request;
  if (most === null || typeof asked !== 'number' || asked <= most) return { request, notes: [] };
  return { request: withinBudget({ ...request, max_tokens: most }, most), notes: [`max_tokens:${most}`] };
}

/** A thinking budget must stay below the output it is a part of. */
function withinBudget(request: MessagesRequest, most: number): MessagesRequest {
  const thinking = request.thinking as { budget_tokens?: unknown } | null | undefined;
  if (typeof thinking?.budget_tokens !== 'number' || thinking.budget_tokens < most) return request;
  return { ...request, thinking: { ...thinking, budget_tokens: Math.max(1, most - 1) } };
}

/** An answer with less room than this may not come to its end: the client had better make its prompt shorter. */
const LEAST_ROOM = 4096;

/**
 * What does not fit only because the client asks for more output than is left is no fault: the converter lowers it.
 * @throws GatewayError 400 that says by how much the input alone, or input and output together, are too long
 */
export function refuseTooLong(request: MessagesRequest, contextWindow: number | null, inputTokens: number): void {
  if (contextWindow === null) return;
  if (inputTokens > contextWindow) {
    throw new GatewayError(
      'invalid_request_error',
      `prompt is too long: ${inputTokens} tokens > ${contextWindow} maximum`,
    );
  }
  const output = typeof request.max_tokens === 'number' ? request.max_tokens : 0;
  const room = contextWindow - inputTokens;
  if (output > room && room < LEAST_ROOM) {
    throw new GatewayError(
      'invalid_request_error',
      `input length and \`max_tokens\` exceed context limit: ${inputTokens} + ${output} > ${contextWindow}, decrease input length or \`max_tokens\` and try again`,
    );
  }
}
