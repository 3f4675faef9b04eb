// One request on its way to an upstream of another protocol: what to send, how to read what comes back, and what a
// refusal teaches about how to send it.
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import type { LongTexts } from '#shared/messages/long-texts.ts';
import { splitLesson } from '#shared/providers/lessons.ts';
import type { ConversionMemory, LearnedTraits, Provider, UpstreamError } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { readingNothing, wantsNothing } from './answer-nothing.ts';
import type { SentRequest } from './call-upstream.ts';
import { type ConvertedCall, convertRequest } from './convert-request.ts';
import { secretsOf } from './hide-own-secrets.ts';
import type { TraitMemory } from './learned-traits.ts';
import { afterSearch, type SearchedTurn, type SearchPlan, soughtIn } from './plan-search.ts';
import { readThrough } from './read-through.ts';
import type { SearchPolicy } from './search-backend.ts';

export interface Conversion {
  readonly provider: Provider;
  /** Which of the upstream's words must not reach a client: what it is asked with. */
  readonly keys: readonly string[];
  /** Nothing is wanted of the model: nobody is asked. */
  readonly isEmpty: boolean;
  /** As converted last, like what follows. */
  readonly upstream: SentRequest;
  readonly memory: ConversionMemory;
  /** What was approximated, by name. */
  readonly notes: readonly string[];
  /** What is searched for, where nothing else is wanted. */
  readonly sought: string | null;
  /** Searches that the gateway makes for the model. */
  readonly search: SearchPlan | null;
  /** Tries what a refusal teaches. True when the request is another one now: it may be sent once more. */
  learn(refusal: UpstreamError): boolean;
  /**
   * The second answer: null = no refusal. What helped is kept for other requests, with what a further refusal teaches; a
   * lesson after which the same is refused was none, whoever put its words into the upstream's mouth.
   */
  settle(refusal: UpstreamError | null): void;
  /** The next request of the same answer. @throws GatewayError as the first */
  goOn(turn: SearchedTurn): Conversion;
}

export interface ConversionStart {
  provider: Provider;
  target: Target;
  sessionId: string | null;
  /** Of Anthropic's API, as the client named it. */
  anthropicVersion: string | null;
  anthropicBeta?: string | null;
  /** Estimated when absent. */
  inputTokens?: number;
  /** Of a request that was parsed beside them. */
  texts?: LongTexts;
  learned: TraitMemory;
  /** Who searches the web where the provider cannot. */
  search?: SearchPolicy;
}

/** @throws GatewayError 400 that names the field that cannot be carried */
export function startConversion(request: MessagesRequest, start: ConversionStart): Conversion {
  const { provider, target, learned, texts, ...rest } = start;
  const model = target.model ?? request.model;
  const convert = (more?: LearnedTraits) => {
    const known = learned.of(target, model);
    return convertRequest(request, provider, target, { ...rest, learned: more ? { ...known, ...more } : known });
  };
  const lessonOf = (refusal: UpstreamError | null) =>
    splitLesson((refusal !== null && provider.learn?.(refusal)) || {});
  const toSent = ({ upstream }: ConvertedCall): SentRequest =>
    texts === undefined || upstream.body === null ? upstream : { ...upstream, body: texts.restore(upstream.body) };
  let current = convert();
  let tried = lessonOf(null);
  const isNew = (converted: ConvertedCall): boolean => {
    const { body } = current.upstream;
    return body === null || converted.upstream.body?.equals(body) !== true;
  };
  const isEmpty = wantsNothing(request) && provider.takesNoOutput !== true;
  const said = () => ({
    upstream: toSent(current),
    memory: current.memory,
    notes: isEmpty ? ['answered-here'] : current.notes,
    search: isEmpty ? null : current.search,
  });
  const conversion: Conversion = {
    ...said(),
    provider: isEmpty ? readingNothing(provider) : readThrough(provider, target.pipeline),
    keys: secretsOf(target),
    isEmpty,
    sought: soughtIn(request),
    goOn(turn) {
      const next = afterSearch(request, turn);
      return startConversion(next, { ...start, inputTokens: estimateTokens(next, texts?.countText) });
    },
    learn(refusal) {
      tried = lessonOf(refusal);
      const next = convert({ ...tried.lasting, ...tried.passing });
      if (!isNew(next)) return false;
      current = next;
      Object.assign(conversion, said());
      return true;
    },
    settle(refusal) {
      const further = lessonOf(refusal);
      const known = { ...tried.lasting, ...tried.passing };
      const names = Object.keys({ ...further.lasting, ...further.passing });
      if (names.some((name) => Object.hasOwn(known, name))) return;
      learned.add(target, model, tried.lasting);
      // This request has had its second call; the next will do without this too.
      if (isNew(convert({ ...known, ...further.lasting }))) learned.add(target, model, further.lasting);
    },
  };
  return conversion;
}
