// A Responses stream → writer verbs. What a final event says beyond the deltas is added, what it repeats is not.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import { type AnswerText, createAnswerText } from '../answer-text.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from '../fields.ts';
import { dropRefused } from '../openai-chat/tool-arguments.ts';
import type { ConversionMemory, StreamReader } from '../provider.ts';
import { readStreamError } from '../read-error.ts';
import { CLIENT_TOOL_IDS, toToolId } from '../tool-names.ts';
import { type Ending, endingOf, readUsage } from './ending.ts';
import { addWritten, createOutputItems, type OutputItem, partKey, restOf } from './output-items.ts';
import { encodeReasoning } from './reasoning-state.ts';
import { mostTokensOf, pickyToolsOf } from './responses-memory.ts';
import { createSearchLog } from './web-search.ts';

/** Events that carry the whole response, however it ended. */
const FINAL = /^response\.(completed|incomplete|failed|cancelled|done)$/;
const ARGUMENTS = 'arguments';

export function createResponsesReader(writer: MessageWriter, memory: ConversionMemory): StreamReader {
  return new ResponsesReader(writer, memory);
}

class ResponsesReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ConversionMemory;
  readonly #items = createOutputItems();
  readonly #answer: AnswerText;
  readonly #searches = createSearchLog();
  model = '';
  #ending: Ending | null = null;
  #refusal = '';
  /** The item whose thinking was written last, with nothing after it. */
  #thinkingOf: OutputItem | null = null;

  constructor(writer: MessageWriter, memory: ConversionMemory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#answer = createAnswerText(writer, memory.stopSequences, () => ({}), mostTokensOf(memory));
  }

  onEvent({ event, data }: SseEvent): void {
    if (this.#writer.hasEnded || this.#ending !== null || data.trim() === '[DONE]') return;
    const body = parseJson(data);
    if (!isFields(body)) throw new GatewayError('api_error', 'the upstream sent an event that is no JSON object');
    this.model ||= textOf(fieldsOf(body.response).model) || textOf(body.model);
    // An answer in one document has no events around it.
    if (body.object === 'response') this.#end(body, '');
    else this.#step(textOf(body.type) || (event ?? ''), body);
  }

  onEnd(): void {
    if (this.#writer.hasEnded) return;
    const ending = this.#ending;
    if (ending === null) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
    this.#answer.flush();
    for (const block of this.#searches.flush()) this.#writer.block(block);
    this.#writer.usage({ ...ending.usage, ...this.#searches.usage() });
    if (this.#refusal === '') this.#writer.finish(ending.reason);
    else this.#writer.finish('refusal', null, { stop_details: { type: 'refusal', explanation: this.#refusal } });
  }

  #step(type: string, body: Fields): void {
    const final = FINAL.exec(type)?.[1];
    if (final !== undefined) this.#end(fieldsOf(body.response), final);
    else if (type === 'error' || type === 'response.error' || isFields(body.error)) throw readStreamError(body);
    else if (type === 'response.output_item.added') this.#open(fieldsOf(body.item), numberOf(body.output_index));
    else if (type === 'response.output_item.done') this.#done(fieldsOf(body.item), numberOf(body.output_index));
    else if (type === 'response.output_text.annotation.added') this.#searches.cite(body.annotation);
    else if (/^response\.(output_text|refusal)\./.test(type)) this.#say(type, body);
    else if (/^response\.reasoning_(summary_)?text\./.test(type)) this.#reason(type, body);
    else if (type.startsWith('response.function_call_arguments.')) this.#callMore(body);
  }

  #say(type: string, body: Fields): void {
    const kind = type.startsWith('response.refusal.') ? 'refusal' : 'text';
    const item = this.#items.find(body, 'message');
    const part = partKey(kind, body.content_index);
    this.#text(item, part, type.endsWith('.done') ? restOf(item, part, textOf(body[kind])) : textOf(body.delta));
  }

  #reason(type: string, body: Fields): void {
    const item = this.#items.find(body, 'reasoning');
    const isSummary = type.startsWith('response.reasoning_summary');
    const part = isSummary ? partKey('summary', body.summary_index) : partKey('raw', body.content_index);
    this.#think(item, part, type.endsWith('.done') ? restOf(item, part, textOf(body.text)) : textOf(body.delta));
  }

  #callMore(body: Fields): void {
    const item = this.#items.find(body, 'function_call');
    item.name ||= textOf(body.name);
    this.#arguments(item, textOf(body.delta) || restOf(item, ARGUMENTS, textOf(body.arguments)));
    this.#startCall(item);
  }

  #end(response: Fields, event: string): void {
    const output = listOf(response.output).map(fieldsOf);
    if (this.#items.all().length === 0) for (const [index, item] of output.entries()) this.#done(item, index);
    // A call that was never closed takes its last word from the list.
    for (const item of this.#items.all()) {
      const listed = output[item.key];
      if (item.type !== 'function_call' || item.isDone) continue;
      this.#done(listed?.call_id === item.callId ? listed : {}, item.key);
    }
    if (this.#writer.hasEnded) return;
    this.#ending = endingOf(response, event);
    this.#ending.usage = readUsage(response.usage);
  }

  #open(fields: Fields, place: number | null): OutputItem {
    const item = this.#items.open(fields, place);
    if (item.type === 'function_call') this.#startCall(item);
    return item;
  }

  #done(fields: Fields, place: number | null): void {
    const type = textOf(fields.type);
    const item =
      place === null && type !== '' ? this.#items.find({ item_id: fields.id }, type) : this.#open(fields, place);
    if (item.isDone || this.#writer.hasEnded) return;
    if (item.type === 'message') this.#doneMessage(item, fields);
    else if (item.type === 'reasoning') this.#doneReasoning(item, fields);
    else if (item.type === 'function_call') this.#doneCall(item, fields);
    else if (item.type === 'web_search_call') this.#doneSearch(item, fields);
    item.isDone = true;
  }

  #doneMessage(item: OutputItem, fields: Fields): void {
    for (const [index, content] of listOf(fields.content).map(fieldsOf).entries()) {
      const kind = content.type === 'refusal' ? 'refusal' : 'text';
      const part = partKey(kind, index);
      this.#text(item, part, restOf(item, part, textOf(content[kind])));
      for (const annotation of listOf(content.annotations)) this.#searches.cite(annotation);
      if (this.#writer.hasEnded) return;
    }
    this.#answer.flush();
  }

  #doneReasoning(item: OutputItem, fields: Fields): void {
    const summary = listOf(fields.summary).map((part) => textOf(fieldsOf(part).text));
    const raw = listOf(fields.content).map((part) => textOf(fieldsOf(part).text));
    for (const [kind, texts] of [['summary', summary] as const, ['raw', raw] as const]) {
      for (const [index, text] of texts.entries()) {
        this.#think(item, partKey(kind, index), restOf(item, partKey(kind, index), text));
      }
    }
    const encrypted = textOf(fields.encrypted_content);
    const state = encodeReasoning({ id: textOf(fields.id) || item.id, encrypted, summary, model: this.#memory.model });
    if (this.#thinkingOf === item) this.#writer.signature(state);
    else if (encrypted !== '' && this.#memory.thinking !== 'none') {
      this.#answer.flush();
      this.#writer.block({ type: 'redacted_thinking', data: state });
    }
    this.#thinkingOf = null;
  }

  #doneCall(item: OutputItem, fields: Fields): void {
    this.#arguments(item, restOf(item, ARGUMENTS, textOf(fields.arguments)));
    this.#startCall(item);
    if (this.#writer.hasEnded) return;
    const json = item.written.get(ARGUMENTS) ?? '';
    const schema = this.#pickySchema(item);
    if (item.isStarted && schema) this.#writer.toolArguments(item.key, dropRefused(json, schema));
    if (item.isStarted) this.#writer.toolEnd(item.key);
    // Without a name and without arguments nobody meant anything by it.
    else if (json !== '') throw new GatewayError('api_error', 'the upstream called a tool without saying which');
  }

  /** Arguments of such a tool wait for their end. */
  #pickySchema(item: OutputItem): Fields | undefined {
    return pickyToolsOf(this.#memory).get(this.#clientName(item));
  }

  #clientName({ name }: OutputItem): string {
    return this.#memory.toolNames.get(name) ?? name;
  }

  #doneSearch(item: OutputItem, fields: Fields): void {
    const blocks = this.#searches.add(textOf(fields.id) || item.id || `search_${item.key}`, fields.action);
    if (blocks.length > 0) this.#leaveProse();
    for (const block of blocks) this.#writer.block(block);
  }

  #text(item: OutputItem, part: string, delta: string): void {
    if (delta === '' || item.isDone) return;
    addWritten(item, part, delta);
    if (part.startsWith('refusal')) this.#refusal += delta;
    this.#thinkingOf = null;
    this.#answer.push(delta);
  }

  #think(item: OutputItem, part: string, delta: string): void {
    if (delta === '' || item.isDone) return;
    const [kind = ''] = part.split(' ');
    const known = [...item.written.keys()];
    // Servers that send the summary and the raw text say the same thing twice.
    if (known.length > 0 && !known.some((one) => one.startsWith(kind))) return;
    const separator = known.length === 0 || item.written.has(part) ? '' : '\n\n';
    addWritten(item, part, delta);
    if ((this.#memory.thinking ?? 'shown') !== 'shown') return;
    this.#answer.flush();
    this.#thinkingOf = item;
    this.#writer.thinking(separator + delta);
  }

  #startCall(item: OutputItem): void {
    if (item.isStarted || item.name === '' || item.callId === '') return;
    this.#leaveProse();
    if (mostTokensOf(this.#memory) !== null) {
      // No call is whole in so little.
      this.#writer.finish('max_tokens');
      return;
    }
    item.isStarted = true;
    this.#writer.toolStart(item.key, toToolId(item.callId, CLIENT_TOOL_IDS), this.#clientName(item));
    if (!this.#pickySchema(item)) this.#writer.toolArguments(item.key, item.written.get(ARGUMENTS) ?? '');
  }

  #arguments(item: OutputItem, delta: string): void {
    if (delta === '' || item.isDone) return;
    addWritten(item, ARGUMENTS, delta);
    if (item.isStarted && !this.#pickySchema(item)) this.#writer.toolArguments(item.key, delta);
  }

  #leaveProse(): void {
    this.#answer.flush();
    this.#thinkingOf = null;
  }
}
