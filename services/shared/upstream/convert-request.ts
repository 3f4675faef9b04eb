// A Messages request → the request of a converting provider, addressed and signed.
import { hash } from 'node:crypto';
import { madeOnce } from '#shared/made-once.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { NATIVE } from '#shared/providers/index.ts';
import type { ConversionMemory, LearnedTraits, Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import { withoutImages } from '#shared/providers/without-images.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { UpstreamRequest } from './call-upstream.ts';
import { withHeaders } from './constant-headers.ts';
import { sign } from './credentials.ts';
import { fillDefaults } from './fill-defaults.ts';
import { limitsOf, lowerMaxTokens } from './limit-request.ts';
import { omittedFields } from './omitted-fields.ts';
import { planSearch, type SearchPlan } from './plan-search.ts';
import type { SearchPolicy } from './search-backend.ts';

export interface ConvertedCall {
  upstream: UpstreamRequest;
  memory: ConversionMemory;
  /** What was approximated, by name. */
  notes: string[];
  /** Searches that the gateway makes for the model; null = none, or the provider's own. */
  search: SearchPlan | null;
}

export interface ConvertOptions {
  sessionId: string | null;
  /** Of Anthropic's API, as the client named it. */
  anthropicVersion?: string | null;
  anthropicBeta?: string | null;
  /** Estimated when absent. */
  inputTokens?: number;
  learned?: LearnedTraits;
  /** Absent: what only a provider can search is refused by one that cannot. */
  search?: SearchPolicy;
}

/** @throws GatewayError 400 that names the field that cannot be carried */
export function convertRequest(
  request: MessagesRequest,
  provider: Provider,
  target: Target,
  {
    sessionId,
    anthropicVersion = null,
    anthropicBeta = null,
    inputTokens = estimateTokens(request),
    learned = {},
    search,
  }: ConvertOptions,
): ConvertedCall {
  const input = {
    target,
    model: target.model ?? request.model,
    modelAsked: request.model,
    sessionKey: sessionId === null ? null : hash('sha256', sessionId).slice(0, 32),
    inputTokens,
    learned,
    anthropicVersion,
    anthropicBeta,
  };
  const { pipeline } = target;
  const stepped: string[] = pipeline === null ? [] : [`pipeline:${pipeline.name}`];
  const asked = pipeline === null ? request : pipeline.changeRequest(request, stepped);
  const planned = search ? planSearch(asked, provider.searches?.(input) ?? 'never', search) : null;
  const filled = fillDefaults(planned?.request ?? asked, target.defaults, anthropicVersion);
  const limited = lowerMaxTokens(filled.request, limitsOf(target, request.model).maxOutput);
  const prepared = [...stepped, ...(planned ? [planned.plan.note] : []), ...filled.notes, ...limited.notes];
  const seen = target.seesImages === false ? withoutImages(limited.request, target.vision, prepared) : limited.request;
  const { path, headers, body, notes, memory } = provider.toUpstreamRequest(seen, input);
  const own = target.headers.length === 0 ? headers : withHeaders(headers, target.headers);
  const written = pipeline === null ? { headers: own, body } : pipeline.changeWritten({ headers: own, body }, notes);
  const base = madeOnce(target, 'base', () => toBase(target.baseUrl));
  return {
    upstream: {
      origin: base.origin,
      path: base.path + path,
      method: 'POST',
      headers: sign([...written.headers], target.credential, []),
      body: written.body,
    },
    memory: { ...memory, upstream: target.provider },
    // The profiles of the Messages API say it themselves.
    notes: [...prepared, ...notes, ...(provider.type === NATIVE ? [] : omittedFields(asked))],
    search: planned?.plan ?? null,
  };
}

function toBase(url: string): { origin: string; path: string } {
  const { origin, pathname } = new URL(url);
  return { origin, path: pathname.replace(/\/$/, '') };
}
