// One request on its way to an upstream of another protocol: what to send, how to read what comes back, and what a
// refusal teaches about how to send it.
import type { ConversionMemory, Provider, UpstreamError } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { readingNothing, wantsNothing } from './answer-nothing.ts';
import type { UpstreamRequest } from './call-upstream.ts';
import { convertRequest } from './convert-request.ts';
import type { TraitMemory } from './learned-traits.ts';
import { afterSearch, type SearchedTurn, type SearchPlan } from './plan-search.ts';
import type { SearchPolicy } from './search-backend.ts';

export interface Conversion {
  readonly provider: Provider;
  /** Nothing is wanted of the model: nobody is asked. */
  readonly isEmpty: boolean;
  /** As converted last, like what follows. */
  readonly upstream: UpstreamRequest;
  readonly memory: ConversionMemory;
  /** What was approximated, by name. */
  readonly notes: readonly string[];
  /** Searches that the gateway makes for the model. */
  readonly search: SearchPlan | null;
  /** Keeps what a refusal teaches. True when the request is another one now: it may be sent once more. */
  learn(refusal: UpstreamError): boolean;
  /** The next request of the same answer. @throws GatewayError as the first */
  goOn(turn: SearchedTurn): Conversion;
}

export interface ConversionStart {
  provider: Provider;
  target: Target;
  sessionId: string | null;
  /** Of Anthropic's API, as the client named it. */
  anthropicVersion: string | null;
  /** Estimated when absent. */
  inputTokens?: number;
  learned: TraitMemory;
  /** Who searches the web where the provider cannot. */
  search?: SearchPolicy;
}

/** @throws GatewayError 400 that names the field that cannot be carried */
export function startConversion(request: MessagesRequest, start: ConversionStart): Conversion {
  const { provider, target, learned, ...rest } = start;
  const model = target.model ?? request.model;
  const convert = () => convertRequest(request, provider, target, { ...rest, learned: learned.of(target, model) });
  let current = convert();
  const isEmpty = wantsNothing(request);
  return {
    provider: isEmpty ? readingNothing(provider) : provider,
    isEmpty,
    get upstream() {
      return current.upstream;
    },
    get memory() {
      return current.memory;
    },
    get notes() {
      return isEmpty ? ['answered-here'] : current.notes;
    },
    get search() {
      return isEmpty ? null : current.search;
    },
    goOn(turn) {
      const { inputTokens: _ofTheFirst, ...same } = start;
      return startConversion(afterSearch(request, turn), same);
    },
    learn(refusal) {
      const lesson = provider.learn?.(refusal) ?? null;
      if (lesson === null) return false;
      learned.add(target, model, lesson);
      const sent = current.upstream.body;
      current = convert();
      return sent === null || current.upstream.body?.equals(sent) !== true;
    },
  };
}
