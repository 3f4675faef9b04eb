// The output items of a response, each with the events that tell it in a stream.
import { DEFAULT_DELTA_CHARS, pieces } from '../pieces.ts';
import type { ResponsesQuirks } from '../quirks.ts';
import type { Random } from '../random.ts';
import type { Fields } from '../read-ask.ts';
import type { CallPart, Citation, ScenePart } from '../scene-parts.ts';
import { ENCRYPTED_PREFIX } from './openai-responses-ask.ts';

export interface OutputItem {
  /** The item as it is when it is complete. */
  item: Fields;
  /** `type` and members, without `sequence_number` and `output_index`. */
  events: Fields[];
}

export interface ItemOptions {
  quirks: ResponsesQuirks;
  random: Random;
  deltaChars: number | undefined;
  isRefusal: boolean;
  /** The last call was cut off by the output limit. */
  isCutOff: boolean;
  /** The request asked for `reasoning.encrypted_content`. */
  wantsEncrypted: boolean;
}

export function toItems(parts: ScenePart[], options: ItemOptions): OutputItem[] {
  const lastCall = parts.findLast((part) => part.kind === 'call');
  const items = parts.flatMap((part) => itemsOf(part, lastCall, options));
  return options.quirks.unknownItems ? [unknownItem(options), ...items] : items;
}

function itemsOf(part: ScenePart, lastCall: CallPart | undefined, options: ItemOptions): OutputItem[] {
  switch (part.kind) {
    case 'thinking':
      return reasoningItem(part.text, part.signature, options);
    case 'redacted':
      return reasoningItem('', part.data, options);
    case 'text':
      return [messageItem(part.text, part.citations, lastCall !== undefined, options)];
    case 'search':
      return [searchItem(part.query, part.sources, options)];
    case 'call':
      return [callItem(part, options, options.isCutOff && part === lastCall)];
  }
}

function cut(value: string, { deltaChars }: ItemOptions): string[] {
  return pieces(value, Math.max(1, deltaChars ?? DEFAULT_DELTA_CHARS));
}

/** Between the two events that every item has. */
function toItem(opening: Fields, item: Fields, between: Fields[]): OutputItem {
  return {
    item,
    events: [
      { type: 'response.output_item.added', item: opening },
      ...between,
      { type: 'response.output_item.done', item },
    ],
  };
}

function reasoningItem(value: string, signature: string, options: ItemOptions): OutputItem[] {
  const { quirks, wantsEncrypted } = options;
  const manner = quirks.reasoning ?? 'summary';
  if (manner === 'none') return [];
  const id = options.random.id('rs_', 48);
  const sealed = ENCRYPTED_PREFIX + Buffer.from(JSON.stringify({ value, signature })).toString('base64url');
  const encrypted = wantsEncrypted ? { encrypted_content: sealed } : {};
  if (manner === 'text') {
    const content = [{ type: 'reasoning_text', text: value }];
    const opening = { id, type: 'reasoning', summary: [], content: [], ...encrypted };
    return [toItem(opening, { ...opening, content }, reasoningText(id, value, options))];
  }
  const paragraphs = manner === 'encrypted' || value === '' ? [] : value.split('\n\n');
  const opening = { id, type: 'reasoning', summary: [], ...encrypted };
  const summary = paragraphs.map((text) => ({ type: 'summary_text', text }));
  const events = paragraphs.flatMap((text, index) => summaryEvents(id, text, index, options));
  return [toItem(opening, { ...opening, summary }, events)];
}

function summaryEvents(id: string, text: string, index: number, options: ItemOptions): Fields[] {
  const place = { item_id: id, summary_index: index };
  return [
    { type: 'response.reasoning_summary_part.added', ...place, part: { type: 'summary_text', text: '' } },
    ...cut(text, options).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...place, delta })),
    { type: 'response.reasoning_summary_text.done', ...place, text },
    { type: 'response.reasoning_summary_part.done', ...place, part: { type: 'summary_text', text } },
  ];
}

function reasoningText(id: string, text: string, options: ItemOptions): Fields[] {
  const place = { item_id: id, content_index: 0 };
  return [
    { type: 'response.content_part.added', ...place, part: { type: 'reasoning_text', text: '' } },
    ...cut(text, options).map((delta) => ({ type: 'response.reasoning_text.delta', ...place, delta })),
    { type: 'response.reasoning_text.done', ...place, text },
    { type: 'response.content_part.done', ...place, part: { type: 'reasoning_text', text } },
  ];
}

function messageItem(text: string, citations: Citation[], hasCall: boolean, options: ItemOptions): OutputItem {
  const { quirks, isRefusal } = options;
  const id = options.random.id('msg_', 48);
  const phase = quirks.phase ? { phase: hasCall ? 'commentary' : 'final_answer' } : {};
  const refuses = isRefusal && quirks.refusal !== 'content_filter';
  const base = { id, type: 'message', role: 'assistant', ...phase };
  const annotations = citations.map(({ url, title }) => ({
    type: 'url_citation',
    start_index: 0,
    end_index: text.length,
    url,
    title,
  }));
  const part = refuses ? { type: 'refusal', refusal: text } : { type: 'output_text', annotations, logprobs: [], text };
  const events = refuses ? refusalEvents(id, text, options) : textEvents(id, text, annotations, options);
  const opening = { ...base, status: 'in_progress', content: [] };
  return toItem(opening, { ...base, status: 'completed', content: [part] }, events);
}

function textEvents(id: string, text: string, annotations: Fields[], options: ItemOptions): Fields[] {
  const place = { item_id: id, content_index: 0 };
  const part = { type: 'output_text', annotations: [], logprobs: [], text: '' };
  return [
    { type: 'response.content_part.added', ...place, part },
    ...cut(text, options).map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
    ...annotations.map((annotation, index) => ({
      type: 'response.output_text.annotation.added',
      ...place,
      annotation_index: index,
      annotation,
    })),
    { type: 'response.output_text.done', ...place, text, logprobs: [] },
    { type: 'response.content_part.done', ...place, part: { ...part, annotations, text } },
  ];
}

function refusalEvents(id: string, refusal: string, options: ItemOptions): Fields[] {
  const place = { item_id: id, content_index: 0 };
  return [
    { type: 'response.content_part.added', ...place, part: { type: 'refusal', refusal: '' } },
    ...cut(refusal, options).map((delta) => ({ type: 'response.refusal.delta', ...place, delta })),
    { type: 'response.refusal.done', ...place, refusal },
    { type: 'response.content_part.done', ...place, part: { type: 'refusal', refusal } },
  ];
}

function callItem(call: CallPart, options: ItemOptions, isCutOff: boolean): OutputItem {
  const id = options.random.id('fc_', 48);
  const { name, json } = call;
  const base = { id, type: 'function_call', call_id: call.id, name };
  const deltas = cut(json, options).map((delta) => ({
    type: 'response.function_call_arguments.delta',
    item_id: id,
    delta,
  }));
  const done = { type: 'response.function_call_arguments.done', item_id: id, name, arguments: json };
  const opening = { ...base, status: 'in_progress', arguments: '' };
  const item = { ...base, status: isCutOff ? 'incomplete' : 'completed', arguments: json };
  return toItem(opening, item, [...deltas, done]);
}

function searchItem(query: string, sources: Citation[], options: ItemOptions): OutputItem {
  const id = options.random.id('ws_', 48);
  const urls = sources.map(({ url }) => ({ type: 'url', url }));
  const item = { id, type: 'web_search_call', status: 'completed', action: { type: 'search', query, sources: urls } };
  const steps = ['in_progress', 'searching', 'completed'];
  const events = steps.map((step) => ({ type: `response.web_search_call.${step}`, item_id: id }));
  return toItem({ id, type: 'web_search_call', status: 'in_progress' }, item, events);
}

function unknownItem(options: ItemOptions): OutputItem {
  const item = {
    id: options.random.id('fi_', 48),
    type: 'future_item',
    status: 'completed',
    payload: { deep: [1, 2] },
  };
  return toItem(item, item, [{ type: 'response.future_item.delta', item_id: item.id, delta: 'future' }]);
}
