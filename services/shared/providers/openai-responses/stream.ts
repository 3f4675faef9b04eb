// A Responses stream → writer verbs. Items are told apart by their place in the output, since their ids rotate behind
// some servers; what a final event says beyond the deltas is added, what it repeats is not.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from '../fields.ts';
import type { ConversionMemory, StreamReader } from '../provider.ts';
import { readStreamError } from '../read-error.ts';
import { createStopWatch, type StopWatch } from '../stop.ts';
import { CLIENT_TOOL_IDS, toToolId } from '../tool-names.ts';
import { type Ending, endingOf, readUsage } from './ending.ts';
import { encodeReasoning } from './reasoning-state.ts';
import { createSearchLog, type SearchLog } from './web-search.ts';

/** One item of the output while it grows. */
interface Item {
  type: string;
  key: number;
  id: string;
  isDone: boolean;
  /** What was written of it, by kind and part. */
  written: Map<string, string>;
  /** A call has been handed to the writer. */
  isStarted: boolean;
  callId: string;
  name: string;
}

/** Events that carry the whole response, however it ended. */
const FINAL = /^response\.(completed|incomplete|failed|cancelled|done)$/;

export function createResponsesReader(writer: MessageWriter, memory: ConversionMemory): StreamReader {
  return new ResponsesReader(writer, memory);
}

class ResponsesReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ConversionMemory;
  readonly #items = new Map<number, Item>();
  readonly #stop: StopWatch;
  readonly #searches: SearchLog;
  readonly #steps: Record<string, (body: Fields) => void>;
  #ending: Ending | null = null;
  #refusal = '';
  /** The item whose thinking was written last, with nothing after it. */
  #thinkingOf: Item | null = null;
  #textLength = 0;

  constructor(writer: MessageWriter, memory: ConversionMemory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#stop = createStopWatch(memory.stopSequences);
    this.#searches = createSearchLog();
    this.#steps = this.#createSteps();
  }

  #createSteps(): Record<string, (body: Fields) => void> {
    const text = (body: Fields): [Item, string] => [this.#find(body, 'message'), partKey('text', body.content_index)];
    const summary = (body: Fields): [Item, string] => [
      this.#find(body, 'reasoning'),
      partKey('summary', body.summary_index),
    ];
    const raw = (body: Fields): [Item, string] => [this.#find(body, 'reasoning'), partKey('raw', body.content_index)];
    const call = (body: Fields): Item => this.#find(body, 'function_call');
    return {
      'response.output_item.added': (body) => this.#open(fieldsOf(body.item), numberOf(body.output_index)),
      'response.output_item.done': (body) => this.#done(fieldsOf(body.item), numberOf(body.output_index)),
      'response.output_text.delta': (body) => this.#text(...text(body), textOf(body.delta)),
      'response.output_text.done': (body) => this.#textRest(...text(body), textOf(body.text)),
      'response.output_text.annotation.added': (body) => this.#searches.cite(body.annotation),
      'response.refusal.delta': (body) =>
        this.#refuse(this.#find(body, 'message'), body.content_index, textOf(body.delta)),
      'response.refusal.done': (body) =>
        this.#refuseRest(this.#find(body, 'message'), body.content_index, textOf(body.refusal)),
      'response.reasoning_summary_text.delta': (body) => this.#think(...summary(body), textOf(body.delta)),
      'response.reasoning_summary_text.done': (body) => this.#thinkRest(...summary(body), textOf(body.text)),
      'response.reasoning_text.delta': (body) => this.#think(...raw(body), textOf(body.delta)),
      'response.reasoning_text.done': (body) => this.#thinkRest(...raw(body), textOf(body.text)),
      'response.function_call_arguments.delta': (body) => this.#arguments(call(body), textOf(body.delta)),
      'response.function_call_arguments.done': (body) => this.#argumentsRest(call(body), textOf(body.arguments), body),
    };
  }

  onEvent({ event, data }: SseEvent): void {
    if (this.#writer.hasEnded || this.#ending !== null || data.trim() === '[DONE]') return;
    const body = parseJson(data);
    if (!isFields(body)) throw new GatewayError('api_error', 'the upstream sent an event that is no JSON object');
    if (body.object === 'response') this.#end(body);
    else this.#dispatch(textOf(body.type) || (event ?? ''), body);
  }

  onEnd(): void {
    if (this.#writer.hasEnded) return;
    const ending = this.#ending;
    if (ending === null) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
    this.#flushText();
    if (this.#writer.hasEnded) return;
    for (const block of this.#searches.flush()) this.#writer.block(block);
    this.#writer.usage({ ...ending.usage, ...this.#searches.usage() });
    if (this.#refusal === '') this.#writer.finish(ending.reason);
    else this.#writer.finish('refusal', null, { stop_details: { type: 'refusal', explanation: this.#refusal } });
  }

  #dispatch(type: string, body: Fields): void {
    const step = this.#steps[type];
    if (step) step(body);
    else if (type === 'error' || type === 'response.error' || isFields(body.error)) throw readStreamError(body);
    else if (FINAL.test(type)) this.#end(fieldsOf(body.response));
  }

  #end(response: Fields): void {
    const output = listOf(response.output).map(fieldsOf);
    if (this.#items.size === 0) for (const [index, item] of output.entries()) this.#done(item, index);
    // A call that was never closed takes its last word from the list.
    for (const item of this.#items.values()) {
      const listed = output[item.key];
      if (item.type === 'function_call' && !item.isDone) {
        this.#done(listed?.call_id === item.callId ? listed : {}, item.key);
      }
    }
    this.#ending = endingOf(response);
    this.#ending.usage = readUsage(response.usage);
  }

  #open(item: Fields, index: number | null): Item {
    const key = index ?? Math.max(-1, ...this.#items.keys()) + 1;
    const known = this.#items.get(key);
    const opened: Item = known ?? {
      ...{ type: textOf(item.type), key, id: textOf(item.id), isDone: false, isStarted: false },
      ...{ written: new Map(), callId: '', name: '' },
    };
    this.#items.set(key, opened);
    opened.callId ||= textOf(item.call_id);
    opened.name ||= textOf(item.name);
    if (opened.type === 'function_call') this.#startCall(opened);
    return opened;
  }

  /** By place, else by id, else the newest item of the kind that is still open; opened when the server forgot to. */
  #find(body: Fields, type: string): Item {
    const index = numberOf(body.output_index);
    const id = textOf(body.item_id);
    const items = [...this.#items.values()];
    const found =
      index !== null
        ? this.#items.get(index)
        : (items.find((item) => id !== '' && item.id === id) ??
          items.findLast((item) => item.type === type && !item.isDone));
    return found ?? this.#open({ type, id }, index);
  }

  #done(fields: Fields, index: number | null): void {
    const id = textOf(fields.id);
    const type = textOf(fields.type);
    const item = index === null && type !== '' ? this.#find({ item_id: id }, type) : this.#open(fields, index);
    if (item.isDone) return;
    if (item.type === 'message') this.#doneMessage(item, fields);
    else if (item.type === 'reasoning') this.#doneReasoning(item, fields);
    else if (item.type === 'function_call') this.#doneCall(item, fields);
    else if (item.type === 'web_search_call') this.#doneSearch(item, fields);
    item.isDone = true;
  }

  #doneMessage(item: Item, fields: Fields): void {
    for (const [index, part] of listOf(fields.content).map(fieldsOf).entries()) {
      if (part.type === 'refusal') this.#refuseRest(item, index, textOf(part.refusal));
      else this.#textRest(item, partKey('text', index), textOf(part.text));
      for (const annotation of listOf(part.annotations)) this.#searches.cite(annotation);
    }
    this.#flushText();
  }

  #doneReasoning(item: Item, fields: Fields): void {
    const summary = listOf(fields.summary).map((part) => textOf(fieldsOf(part).text));
    const raw = listOf(fields.content).map((part) => textOf(fieldsOf(part).text));
    for (const [index, text] of summary.entries()) this.#thinkRest(item, partKey('summary', index), text);
    for (const [index, text] of raw.entries()) this.#thinkRest(item, partKey('raw', index), text);
    const encrypted = textOf(fields.encrypted_content);
    const state = encodeReasoning({ id: textOf(fields.id) || item.id, encrypted, summary, model: this.#memory.model });
    if (this.#thinkingOf === item) this.#writer.signature(state);
    else if (encrypted !== '' && this.#memory.thinking !== 'none')
      this.#writer.block({ type: 'redacted_thinking', data: state });
    this.#thinkingOf = null;
  }

  #doneCall(item: Item, fields: Fields): void {
    const key = 'arguments';
    if (!item.isStarted) {
      // A call without a name is none, unless it has arguments that somebody must have meant.
      if (textOf(fields.arguments) === '' && (item.written.get(key) ?? '') === '') return;
      throw new GatewayError('api_error', 'the upstream called a tool without saying which');
    }
    this.#argumentsRest(item, textOf(fields.arguments), fields);
    this.#writer.toolEnd(item.key);
  }

  #doneSearch(item: Item, fields: Fields): void {
    const blocks = this.#searches.add(textOf(fields.id) || item.id || `search_${item.key}`, fields.action);
    if (blocks.length > 0) this.#leaveProse();
    for (const block of blocks) this.#writer.block(block);
  }

  #text(item: Item, part: string, delta: string): void {
    if (delta === '' || item.isDone) return;
    item.written.set(part, (item.written.get(part) ?? '') + delta);
    this.#thinkingOf = null;
    const { text, matched } = this.#stop.push(delta);
    this.#textLength += text.length;
    this.#writer.text(text);
    if (matched !== null) this.#finishAt(matched);
  }

  #textRest(item: Item, part: string, whole: string): void {
    this.#text(item, part, restOf(whole, item.written.get(part) ?? ''));
  }

  #refuse(item: Item, index: unknown, delta: string): void {
    this.#refusal += delta;
    this.#text(item, partKey('refusal', index), delta);
  }

  #refuseRest(item: Item, index: unknown, whole: string): void {
    this.#refuse(item, index, restOf(whole, item.written.get(partKey('refusal', index)) ?? ''));
  }

  #think(item: Item, part: string, delta: string): void {
    if (delta === '' || item.isDone) return;
    const isFirst = item.written.size === 0;
    const [kind] = part.split(' ');
    // Servers that send the summary and the raw text say the same thing twice.
    if (!isFirst && ![...item.written.keys()].some((known) => known.split(' ')[0] === kind)) return;
    const separator = isFirst || item.written.has(part) ? '' : '\n\n';
    item.written.set(part, (item.written.get(part) ?? '') + delta);
    if ((this.#memory.thinking ?? 'shown') !== 'shown') return;
    this.#flushText();
    this.#thinkingOf = item;
    this.#writer.thinking(separator + delta);
  }

  #thinkRest(item: Item, part: string, whole: string): void {
    this.#think(item, part, restOf(whole, item.written.get(part) ?? ''));
  }

  #startCall(item: Item): void {
    if (item.isStarted || item.name === '' || item.callId === '') return;
    item.isStarted = true;
    this.#leaveProse();
    const name = this.#memory.toolNames.get(item.name) ?? item.name;
    this.#writer.toolStart(item.key, toToolId(item.callId, CLIENT_TOOL_IDS), name);
    this.#writer.toolArguments(item.key, item.written.get('arguments') ?? '');
  }

  #arguments(item: Item, delta: string): void {
    if (delta === '' || item.isDone) return;
    item.written.set('arguments', (item.written.get('arguments') ?? '') + delta);
    if (item.isStarted) this.#writer.toolArguments(item.key, delta);
  }

  #argumentsRest(item: Item, whole: string, said: Fields): void {
    item.name ||= textOf(said.name);
    this.#arguments(item, restOf(whole, item.written.get('arguments') ?? ''));
    this.#startCall(item);
  }

  /** Text that was held back is no part of a sequence once something else comes. */
  #flushText(): void {
    const rest = this.#stop.flush();
    this.#textLength += rest.length;
    if (rest !== '') this.#writer.text(rest);
  }

  #leaveProse(): void {
    this.#flushText();
    this.#thinkingOf = null;
  }

  /** The upstream is not heard to the end, so what it produced is told by the text. */
  #finishAt(sequence: string): void {
    this.#writer.usage({ output_tokens: Math.max(1, Math.ceil(this.#textLength / 4)) });
    this.#writer.finish('stop_sequence', sequence);
  }
}

function partKey(kind: string, index: unknown): string {
  return `${kind} ${numberOf(index) ?? 0}`;
}

/** What a final text has beyond what was written of it; nothing when it differs. */
function restOf(whole: string, written: string): string {
  return whole.length > written.length && whole.startsWith(written) ? whole.slice(written.length) : '';
}
