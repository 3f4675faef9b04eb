// In the thread that exports: the text of a call is read, redacted and put on its root span.
import { itemizeUsage, type Prices } from '#shared/cost/price.ts';
import { createPriceList, type PriceLookup, type PriceSettings } from '#shared/cost/price-list.ts';
import { readLaidOut } from '#shared/exchange/exchange.ts';
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import type { HiddenPart } from '#shared/telemetry/hide-content.ts';
import type { ModelCost } from '#shared/telemetry/model-call.ts';
import { createRepeatedAttributes, type RepeatedAttributes } from '#shared/telemetry/repeated-attributes.ts';
import type { MakeSpans } from '#shared/telemetry/tracing.ts';
import { addModelCall, type CallSpans, type ModelFacts } from './call-spans.ts';
import { type ConversationMemory, createConversationMemory, type RequestPlaces } from './conversation-memory.ts';

export interface CallSpansInput {
  /** Complete but for what is said of the model call; the root first. */
  spans: CallSpans;
  facts: ModelFacts;
  /** Request and answer, from `planBody`. Read until the spans are made, and no longer. */
  laidOut: Uint8Array;
  /** null = it was not scanned. */
  places: RequestPlaces | null;
  /** From `writeSettings`. */
  settings: string;
}

/** What is the same for all calls. */
export interface CallSettings {
  readonly content: ContentSettings;
  readonly redaction: RedactorOptions;
}

/** As one text: objects that cross to a thread with each call take longer, on both sides. */
export function writeSettings({ content, redaction: { hmacKey, ...redaction } }: CallSettings): string {
  const key = hmacKey instanceof Uint8Array ? { base64: Buffer.from(hmacKey).toString('base64') } : hmacKey;
  return JSON.stringify({ content, redaction, key });
}

function readSettings(text: string): CallSettings {
  const { content, redaction, key } = JSON.parse(text) as CallSettings & { key?: string | { base64: string } };
  const hmacKey = typeof key === 'object' ? Buffer.from(key.base64, 'base64') : key;
  return { content, redaction: hmacKey === undefined ? redaction : { ...redaction, hmacKey } };
}

export interface ContentSettings {
  readonly maxContentBytes: number;
  readonly hide: readonly HiddenPart[];
  readonly longestImage: number;
  /** Your own prices, by model. */
  readonly prices: Readonly<Record<string, PriceSettings>>;
}

/** Of an answer that is whole: half of one costs nobody knows what. */
export function costOf({ complete, usage }: AnswerFigures, prices: Prices | null): ModelCost | null {
  return complete ? itemizeUsage(usage, prices) : null;
}

/** As what it is known in the thread. */
export const CALL_SPANS = 'call';

/** What the thread remembers: some fifty conversations. */
const REMEMBERED_BYTES = 32 * 1024 * 1024;
/** What was not sent again for one to two times as long is forgotten. */
const FORGET_MS = 5 * 60_000;

/** Made for one kind of settings. */
interface Means {
  readonly settings: string;
  readonly content: ContentSettings;
  readonly memory: ConversationMemory;
  readonly repeated: RepeatedAttributes;
  readonly pricesOf: PriceLookup;
}

export function createMakeCallSpans(): MakeSpans {
  let means: Means | undefined;
  setInterval(() => means?.memory.forget(), FORGET_MS).unref();
  const meansFor = (settings: string): Means => {
    if (means?.settings === settings) return means;
    const { content, redaction } = readSettings(settings);
    const { prices, longestImage, hide } = content;
    const { redactText: redact } = createRedactor(redaction);
    const memory = createConversationMemory({ redact, longestImage, hide, maxBytes: REMEMBERED_BYTES });
    means = { settings, content, memory, repeated: createRepeatedAttributes(), pricesOf: createPriceList(prices) };
    return means;
  };
  return async (given) => {
    const input = given as CallSpansInput;
    const { spans, facts, settings } = input;
    const { request, answer } = readLaidOut(input.laidOut);
    const observation = await observe(answer);
    const { memory, repeated, pricesOf, content } = meansFor(settings);
    const { maxContentBytes, longestImage, hide } = content;
    try {
      addModelCall(spans[0], {
        ...facts,
        ...{ repeated, maxContentBytes, longestImage, hide },
        ...memory.read(request, input.places, facts.headers?.['anthropic-beta']),
        observation,
        cost: costOf(observation, pricesOf(facts.modelSent)),
        content: true,
        redact: memory.redactText,
      });
    } finally {
      memory.endReading();
    }
    return spans;
  };
}
